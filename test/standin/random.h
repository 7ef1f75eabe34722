#pragma once

#include <cstdint>

namespace roi::standin {

/// xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u | 1) {}

  /// From 0 to limit − 1.
  unsigned below(unsigned limit) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    const uint64_t high = (state_ * 0x2545f4914f6cdd1du) >> 32;
    return static_cast<unsigned>((high * limit) >> 32);
  }

 private:
  uint64_t state_;
};

}  // namespace roi::standin
