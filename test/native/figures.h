#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>

// What a walk over the floats finds about one function, against double precision.

namespace roi::test {

inline float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

constexpr double kMinNormal = 0x1p-126;

/// A unit in the last place of the float nearest to x; of subnormal ones that of the smallest normal number.
inline double ulp(double x) {
  if (!(std::fabs(x) > kMinNormal)) return 0x1p-149;
  const uint64_t exponent = std::bit_cast<uint64_t>(x) & uint64_t{0x7ff} << 52;
  return std::bit_cast<double>(exponent) * 0x1p-23;
}

class Figures {
 public:
  /// `trend` is 1 for a function that never falls as the walk goes on, −1 for one that never rises, 0 for
  /// neither. Inputs of a magnitude above `limit` may give a NaN or an infinity.
  explicit Figures(const char* name, int trend = 0, double limit = HUGE_VAL)
      : name_(name), trend_(trend), limit_(limit) {}

  /// Before a walk from one input to the next.
  void begin() { has_input_ = has_before_ = false; }

  /// The same input again is passed over. One that is `known` is where another walk ended.
  void add(float x, float y, double exact, bool known) {
    if (has_input_ && bits_of(x) == input_) return;
    input_ = bits_of(x);
    has_input_ = true;
    if (known) {
      before_ = y;
      has_before_ = true;
      return;
    }
    if (std::isnan(x)) {
      nans_++;
      if (!std::isnan(y)) numbers_of_nan_++;
      return;
    }
    if (std::isinf(x)) {
      at_infinity_ = y;
      return;
    }
    tried_++;
    if (!std::isfinite(y)) {
      if (std::fabs(static_cast<double>(x)) <= limit_)
        not_finite_++;
      else
        overflows_++;
      return;
    }
    const double size = std::fabs(exact);
    // Below the smallest normal number 0 is as good.
    if (y != 0 || size > kMinNormal * (1 + 0x1p-20)) {
      const double error = std::fabs(static_cast<double>(y) - exact);
      const double ulps = error / ulp(exact);
      if (ulps > ulps_) ulps_ = ulps, at_ = x;
      if (size >= kMinNormal && error > relative_ * size) relative_ = error / size;
    }
    if (has_before_) {
      const double back = trend_ * (static_cast<double>(before_) - static_cast<double>(y));
      if (back > 0) {
        steps_back_++;
        const double step = back / ulp(exact);
        if (step > step_back_) step_back_ = step;
      }
    }
    before_ = y;
    has_before_ = true;
  }

  void print() const {
    std::printf(
        "{\"name\": \"%s\", \"tried\": %llu, \"notFinite\": %llu, \"overflows\": %llu, "
        "\"ulps\": %.4f, \"at\": %.9g, \"relative\": %.4g, \"stepsBack\": %llu, \"stepBack\": %.4f, "
        "\"nans\": %llu, \"numbersOfNaN\": %llu, \"atInfinity\": \"%g\"}\n",
        name_, count(tried_), count(not_finite_), count(overflows_), ulps_, static_cast<double>(at_),
        relative_, count(steps_back_), step_back_, count(nans_), count(numbers_of_nan_),
        std::fabs(static_cast<double>(at_infinity_)));
  }

 private:
  static unsigned long long count(uint64_t n) { return n; }

  const char* name_;
  int trend_;
  double limit_;
  uint64_t tried_ = 0, not_finite_ = 0, overflows_ = 0, steps_back_ = 0, nans_ = 0, numbers_of_nan_ = 0;
  double ulps_ = 0, relative_ = 0, step_back_ = 0;
  float at_ = 0, at_infinity_ = 0, before_ = 0;
  uint32_t input_ = 0;
  bool has_input_ = false, has_before_ = false;
};

}  // namespace roi::test
