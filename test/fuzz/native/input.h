#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

// What a fuzzer gives, as choices. Once its bytes are used up every choice is the first one.

namespace roi::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : next_(data), end_(data + size) {}

  uint8_t byte() { return next_ == end_ ? uint8_t{0} : *next_++; }
  bool flag() { return byte() & 1; }
  /// From 0 to `most`, at most 65535.
  int64_t up_to(int64_t most) {
    const int64_t number = most > 255 ? byte() << 8 | byte() : byte();
    return number % (most + 1);
  }
  int32_t int32() {
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) bits = bits << 8 | byte();
    return static_cast<int32_t>(bits);
  }
  template <class T, size_t kCount>
  T pick(const T (&choices)[kCount]) {
    return choices[byte() % kCount];
  }

  /// What an option may be, and then what it should not.
  double number() {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN(), kMost = INFINITY;
    return pick({1.0, 0.0, 0.05, 0.5, 2.0, 1e-6, 1e-300, 1e300, -1.0, kMost, -kMost, kNone});
  }

 private:
  const uint8_t* next_;
  const uint8_t* const end_;
};

}  // namespace roi::fuzz
