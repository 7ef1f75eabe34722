// Takes all float16 and bfloat16 numbers to floats, and every STRIDE-th float back, as a backend does, a
// vector and any part of one at a time, and prints each result that is not the nearest, ties to even:
// `halves_<simd> STRIDE`.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../../native/cpu/half.h"

namespace {

using namespace roi::ROI_SIMD;

struct Format {
  const char* name;
  int mantissa, bias;  ///< bits, and what the exponent is off by

  uint16_t infinity() const { return static_cast<uint16_t>((0x7fff >> mantissa) << mantissa); }
  /// Of a magnitude; the number that would follow the largest, for infinity.
  double value(int bits) const {
    const int exponent = bits >> mantissa, fraction = bits & ((1 << mantissa) - 1);
    return exponent == 0 ? std::ldexp(fraction, 1 - bias - mantissa)
                         : std::ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
  }
  bool is_nan(uint16_t bits) const { return (bits & 0x7fff) > infinity(); }

  /// Whether x rounds to `bits`.
  bool rounds_to(float x, uint16_t bits) const {
    if (std::isnan(x)) return is_nan(bits);
    if (is_nan(bits) || std::signbit(x) != (bits >> 15 != 0)) return false;
    const int magnitude = bits & 0x7fff;
    if (std::isinf(x)) return magnitude == infinity();
    const double exact = std::fabs(static_cast<double>(x)), off = std::fabs(exact - value(magnitude));
    const auto is_nearer = [&](int other) {
      const double by = std::fabs(exact - value(other));
      return by < off || (by == off && magnitude % 2 != 0);
    };
    return !(magnitude > 0 && is_nearer(magnitude - 1)) &&
           !(magnitude < infinity() && is_nearer(magnitude + 1));
  }
  bool is(float x, uint16_t bits) const {
    if (is_nan(bits)) return std::isnan(x);
    const int magnitude = bits & 0x7fff;
    const double size = magnitude == infinity() ? HUGE_VAL : value(magnitude);
    return std::fabs(static_cast<double>(x)) == size && std::signbit(x) == (bits >> 15 != 0);
  }
};

constexpr Format kFloat16{"float16", 10, 15}, kBFloat16{"bfloat16", 7, 127};

/// Visits a vector, and then each part of one.
template <class Visit>
void each_part(Visit visit) {
  visit(AllLanes{}, kLanes);
  for (int count = 1; count < kLanes; count++) visit(FirstLanes{count}, count);
}

template <class T>
void widen_all(const Format& format) {
  for (uint32_t first = 0; first < 0x10000; first += kLanes) {
    T from[kLanes];
    for (int i = 0; i < kLanes; i++) from[i].bits = static_cast<uint16_t>(first + static_cast<uint32_t>(i));
    each_part([&](auto lanes, int count) {
      float to[kLanes];
      store(to, load(from, lanes), AllLanes{});
      for (int i = 0; i < kLanes; i++)
        if (i < count ? !format.is(to[i], from[i].bits) : to[i] != 0)
          std::printf("%s 0x%04x, lane %d of %d, is %g\n", format.name, from[i].bits, i, count,
                      static_cast<double>(to[i]));
    });
  }
}

template <class T>
void narrow_some(const Format& format, uint64_t stride) {
  constexpr uint16_t kUntouched = 0x1234;
  for (uint64_t first = 0; first < uint64_t{1} << 32; first += stride * kLanes) {
    float from[kLanes];
    for (int i = 0; i < kLanes; i++)
      from[i] = std::bit_cast<float>(static_cast<uint32_t>(first + stride * static_cast<uint64_t>(i)));
    const auto check = [&](auto lanes, int count) {
      T to[kLanes];
      for (T& half : to) half.bits = kUntouched;
      store(to, load(from, AllLanes{}), lanes);
      for (int i = 0; i < kLanes; i++)
        if (i < count ? !format.rounds_to(from[i], to[i].bits) : to[i].bits != kUntouched)
          std::printf("%a as %s, lane %d of %d, is 0x%04x\n", static_cast<double>(from[i]), format.name, i,
                      count, to[i].bits);
    };
    if (first % (stride * kLanes * 1024) == 0)
      each_part(check);
    else
      check(AllLanes{}, kLanes);
  }
}

void widen_bytes() {
  Byte from[kLanes + 256] = {};
  for (int i = 0; i < 256; i++) from[i].value = static_cast<uint8_t>(i);
  for (int first = 0; first < 256; first++)
    each_part([&](auto lanes, int count) {
      float to[kLanes];
      store(to, load(from + first, lanes), AllLanes{});
      for (int i = 0; i < kLanes; i++)
        if (to[i] != (i < count && from[first + i].value != 0 ? 1.0f : 0.0f))
          std::printf("the byte %d, lane %d of %d, is %g\n", from[first + i].value, i, count,
                      static_cast<double>(to[i]));
    });
}

}  // namespace

int main(int, char** arguments) {
  const uint64_t stride = std::strtoull(arguments[1], nullptr, 10);
  widen_bytes();
  widen_all<Float16>(kFloat16);
  widen_all<BFloat16>(kBFloat16);
  narrow_some<Float16>(kFloat16, stride);
  narrow_some<BFloat16>(kBFloat16, stride);
}
