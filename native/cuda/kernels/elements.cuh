#pragma once

#include <gpu.cuh>
#include <type_traits>

#include "../../problem.h"

// Elements of a tensor as floats, one or four at a time.

namespace roi::gpu {

struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

template <class T>
struct Element;

template <>
struct Element<float> {
  using Word = float;   ///< one element
  using Quad = float4;  ///< four
  static ROI_GPU float widen(float x) { return x; }
  static ROI_GPU float narrow(float x) { return x; }
  static ROI_GPU void widen(float4 q, float* x) { x[0] = q.x, x[1] = q.y, x[2] = q.z, x[3] = q.w; }
  static ROI_GPU float4 narrow(const float* x) { return {x[0], x[1], x[2], x[3]}; }
};

template <class Half>
struct HalfElement {
  using Word = uint16_t;
  using Quad = uint2;
  static ROI_GPU float widen(uint16_t x) { return Half::widen_bits(x); }
  static ROI_GPU uint16_t narrow(float x) { return Half::narrow_bits(x); }
  static ROI_GPU void widen(uint2 q, float* x) {
    x[0] = widen(static_cast<uint16_t>(q.x)), x[1] = widen(static_cast<uint16_t>(q.x >> 16));
    x[2] = widen(static_cast<uint16_t>(q.y)), x[3] = widen(static_cast<uint16_t>(q.y >> 16));
  }
  static ROI_GPU uint2 narrow(const float* x) {
    const auto pair = [](float low, float high) {
      return static_cast<uint32_t>(narrow(low)) | static_cast<uint32_t>(narrow(high)) << 16;
    };
    return {pair(x[0], x[1]), pair(x[2], x[3])};
  }
};

struct Float16Bits {
  static ROI_GPU float widen_bits(uint16_t x) { return float_of_float16(x); }
  static ROI_GPU uint16_t narrow_bits(float x) { return float16_of(x); }
};
struct BFloat16Bits {
  static ROI_GPU float widen_bits(uint16_t x) { return float_of_bfloat16(x); }
  static ROI_GPU uint16_t narrow_bits(float x) { return bfloat16_of(x); }
};
template <>
struct Element<Float16> : HalfElement<Float16Bits> {};
template <>
struct Element<BFloat16> : HalfElement<BFloat16Bits> {};

/// A target as a byte is 1 unless it is 0.
template <>
struct Element<uint8_t> {
  using Word = uint8_t;
  using Quad = uint32_t;
  static ROI_GPU float widen(uint8_t x) { return x ? 1.0f : 0.0f; }
  static ROI_GPU void widen(uint32_t q, float* x) {
    x[0] = q & 0xffu ? 1.0f : 0.0f, x[1] = q & 0xff00u ? 1.0f : 0.0f;
    x[2] = q & 0xff0000u ? 1.0f : 0.0f, x[3] = q & 0xff000000u ? 1.0f : 0.0f;
  }
};

/// kWidth elements of a tensor of T from `at` on: 1, or 4 that are aligned to their size together.
template <class T, int kWidth>
using Packed = std::conditional_t<kWidth == 4, typename Element<T>::Quad, typename Element<T>::Word>;

template <class T, int kWidth>
ROI_GPU Packed<T, kWidth> load_packed(const void* tensor, int64_t at) {
  const auto* words = static_cast<const typename Element<T>::Word*>(tensor) + at;
  return load_once(reinterpret_cast<const Packed<T, kWidth>*>(words));
}

template <class T, int kWidth>
ROI_GPU void unpack(Packed<T, kWidth> packed, float* x) {
  if constexpr (kWidth == 4)
    Element<T>::widen(packed, x);
  else
    x[0] = Element<T>::widen(packed);
}

template <class T, int kWidth>
ROI_GPU void load_floats(const void* tensor, int64_t at, float* x) {
  unpack<T, kWidth>(load_packed<T, kWidth>(tensor, at), x);
}

template <class T, int kWidth>
ROI_GPU void store_floats(void* tensor, int64_t at, const float* x) {
  auto* words = static_cast<typename Element<T>::Word*>(tensor) + at;
  if constexpr (kWidth == 4)
    store_once(reinterpret_cast<Packed<T, 4>*>(words), Element<T>::narrow(x));
  else
    store_once(words, Element<T>::narrow(x[0]));
}

/// Calls visit(T()) with the type of `dtype`, one of the float types.
template <class Visit>
ROI_GPU void with_float_type(DType dtype, Visit visit) {
  if (dtype == DType::kFloat16)
    visit(Float16());
  else if (dtype == DType::kBFloat16)
    visit(BFloat16());
  else
    visit(float());
}

/// The same of all types.
template <class Visit>
ROI_GPU void with_type(DType dtype, Visit visit) {
  dtype == DType::kUint8 ? visit(uint8_t()) : with_float_type(dtype, visit);
}

}  // namespace roi::gpu
