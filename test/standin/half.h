#pragma once

#include <cstdint>
#include <cstring>

// float16 and bfloat16 as bits, without branches so that loops over them vectorise. To the nearest, ties to
// even.

namespace roi::standin {

#define ROI_HALF inline __attribute__((always_inline))

ROI_HALF float as_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
ROI_HALF uint32_t as_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

ROI_HALF float float_from_bfloat16(uint16_t half) { return as_float(static_cast<uint32_t>(half) << 16); }

ROI_HALF uint16_t bfloat16_from_float(float x) {
  const uint32_t bits = as_bits(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>(x == x ? rounded : 0x7fc0);
}

ROI_HALF float float_from_float16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
  // The exponent's bias is 15 here and 127 there: a product with 2^112 moves it, subnormals included.
  const uint32_t finite = as_bits(as_float(magnitude) * 0x1p112f);
  return as_float(sign | (magnitude < 0x0f800000 ? finite : magnitude | 0x7f800000));
}

ROI_HALF uint16_t float16_from_float(float x) {
  const uint32_t sign = (as_bits(x) >> 16) & 0x8000;
  const uint32_t bits = as_bits(x) & 0x7fffffff;
  const uint32_t normal = (bits - (112u << 23) + 0xfff + ((bits >> 13) & 1)) >> 13;
  // Adding ½ rounds to multiples of 2^−24, the spacing of subnormal float16 numbers, and leaves them in the
  // low bits.
  const uint32_t subnormal = as_bits(as_float(bits) + 0.5f) - as_bits(0.5f);
  const uint32_t finite = bits < (113u << 23) ? subnormal : normal;
  const uint32_t infinite = bits > 0x7f800000 ? 0x7e00u : 0x7c00u;
  return static_cast<uint16_t>(sign | (bits >= 0x477ff000 ? infinite : finite));
}

}  // namespace roi::standin
