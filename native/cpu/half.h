#pragma once

#include <cstring>

#include "simd.h"

// Elements of tensors that are not floats: loaded as floats, and rounded to the nearest, ties to even, where
// they are stored. Instruction sets that can convert float16 do; the others get by with arithmetic.

namespace roi::ROI_SIMD {

struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};
/// 1 unless it is 0.
struct Byte {
  uint8_t value;
};

typedef uint16_t HalfLanes __attribute__((vector_size(2 * kLanes)));
typedef uint8_t ByteLanes __attribute__((vector_size(kLanes)));

template <class Lanes, class T>
ROI_INLINE Lanes load_bits(const T* p, AllLanes) {
  Lanes x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
template <class Lanes, class T>
ROI_INLINE Lanes load_bits(const T* p, FirstLanes lanes) {
  Lanes x{};
  std::memcpy(&x, p, static_cast<size_t>(lanes.count) * sizeof(T));
  return x;
}
ROI_INLINE void store_bits(void* p, HalfLanes x, AllLanes) { std::memcpy(p, &x, sizeof x); }
ROI_INLINE void store_bits(void* p, HalfLanes x, FirstLanes lanes) {
  std::memcpy(p, &x, static_cast<size_t>(lanes.count) * sizeof(uint16_t));
}

/// Compilers take detours where a vector changes its width.
ROI_INLINE UintLanes as_unsigned(HalfLanes x) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return reinterpret_cast<UintLanes>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(x)));
#else
  return __builtin_convertvector(x, UintLanes);
#endif
}
ROI_INLINE UintLanes as_unsigned(ByteLanes x) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return reinterpret_cast<UintLanes>(_mm256_cvtepu8_epi32(_mm_set_epi64x(0, reinterpret_cast<int64_t>(x))));
#else
  return __builtin_convertvector(x, UintLanes);
#endif
}
/// Of numbers that fit.
ROI_INLINE HalfLanes as_half(UintLanes x) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  const __m256i packed = _mm256_packus_epi32(reinterpret_cast<__m256i>(x), __m256i{});
  return reinterpret_cast<HalfLanes>(_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
#else
  return __builtin_convertvector(x, HalfLanes);
#endif
}

ROI_INLINE UintLanes unsigned_bits(Floats x) { return reinterpret_cast<UintLanes>(x.v); }
ROI_INLINE Floats from_bits(UintLanes x) { return Floats(reinterpret_cast<FloatLanes>(x)); }

ROI_INLINE Floats widened(HalfLanes x, Float16) {
#if defined(__AVX512F__)
  return Floats(_mm512_maskz_cvtph_ps(0xffff, reinterpret_cast<__m256i>(x)));
#elif defined(__F16C__)
  return Floats(_mm256_cvtph_ps(reinterpret_cast<__m128i>(x)));
#else
  const UintLanes half = as_unsigned(x);
  const UintLanes sign = (half & 0x8000) << 16, magnitude = (half & 0x7fff) << 13;
  // The exponent's bias is 15 here and 127 there: a product with 2^112 moves it, subnormals included.
  const UintLanes finite = unsigned_bits(from_bits(magnitude) * Floats(0x1p112f));
  return from_bits(sign | (magnitude < 0x0f800000 ? finite : magnitude | 0x7f800000));
#endif
}
ROI_INLINE Floats widened(HalfLanes x, BFloat16) { return from_bits(as_unsigned(x) << 16); }

ROI_INLINE HalfLanes narrowed(Floats x, Float16) {
#if defined(__AVX512F__)
  return reinterpret_cast<HalfLanes>(
      _mm512_maskz_cvtps_ph(0xffff, x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__F16C__)
  return reinterpret_cast<HalfLanes>(_mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  const UintLanes sign = (unsigned_bits(x) >> 16) & 0x8000;
  const UintLanes bits = unsigned_bits(x) & 0x7fffffff;
  const UintLanes normal = (bits - (112u << 23) + 0xfff + ((bits >> 13) & 1)) >> 13;
  // Adding ½ rounds to multiples of 2^−24, the spacing of subnormal float16 numbers, and leaves them in the
  // low bits.
  const UintLanes subnormal = unsigned_bits(from_bits(bits) + Floats(0.5f)) - unsigned_bits(Floats(0.5f));
  const UintLanes finite = bits < (113u << 23) ? subnormal : normal;
  const UintLanes infinite = bits > 0x7f800000 ? UintLanes{} + 0x7e00 : UintLanes{} + 0x7c00;
  return as_half(sign | (bits >= 0x477ff000 ? infinite : finite));
#endif
}
ROI_INLINE HalfLanes narrowed(Floats x, BFloat16) {
  const UintLanes bits = unsigned_bits(x);
  const UintLanes rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return as_half(x.v == x.v ? rounded : UintLanes{} + 0x7fc0);
}

template <class Lanes>
ROI_INLINE Floats load(const Float16* p, Lanes lanes) {
  return widened(load_bits<HalfLanes>(p, lanes), Float16{});
}
template <class Lanes>
ROI_INLINE Floats load(const BFloat16* p, Lanes lanes) {
  return widened(load_bits<HalfLanes>(p, lanes), BFloat16{});
}
template <class Lanes>
ROI_INLINE Floats load(const Byte* p, Lanes lanes) {
  const UintLanes byte = as_unsigned(load_bits<ByteLanes>(p, lanes));
  return from_bits(reinterpret_cast<UintLanes>(byte != 0) & 0x3f800000);
}
template <class T, class Lanes>
ROI_INLINE void store(T* p, Floats x, Lanes lanes) {
  store_bits(p, narrowed(x, T{}), lanes);
}

}  // namespace roi::ROI_SIMD
