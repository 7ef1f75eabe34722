#pragma once

#include <cstring>
#include <gpu.cuh>
#include <type_traits>

#include "math.cuh"

// After math.cuh.
#include "../../problem.h"

// Elements of a tensor as floats, one or four at a time, and fours that lie together at once. What comes
// packed, bytes and 16-bit elements, travels as bits in the registers of floats, where it stays until it is
// unpacked.

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

/// Of a 16-bit type, by its conversions of one and of two.
template <auto kWiden, auto kNarrow, auto kWidenPair, auto kNarrowPair>
struct HalfElement {
  using Word = uint16_t;
  using Quad = float2;
  static ROI_GPU float widen(uint16_t x) { return kWiden(x); }
  static ROI_GPU uint16_t narrow(float x) { return kNarrow(x); }
  static ROI_GPU void widen(float2 q, float* x) { kWidenPair(q.x, x), kWidenPair(q.y, x + 2); }
  static ROI_GPU float2 narrow(const float* x) { return {kNarrowPair(x), kNarrowPair(x + 2)}; }
};
template <>
struct Element<Float16> : HalfElement<float_of_float16, float16_of, floats_of_float16s, float16s_of> {};
template <>
struct Element<BFloat16> : HalfElement<float_of_bfloat16, bfloat16_of, floats_of_bfloat16s, bfloat16s_of> {};

/// A target as a byte is 1 unless it is 0.
template <>
struct Element<uint8_t> {
  using Word = uint8_t;
  using Quad = float;
  static ROI_GPU float widen(uint8_t x) { return x ? 1.0f : 0.0f; }
  static ROI_GPU void widen(float q, float* x) {
    const uint32_t bits = bits_of(q);
    x[0] = bits & 0xffu ? 1.0f : 0.0f, x[1] = bits & 0xff00u ? 1.0f : 0.0f;
    x[2] = bits & 0xff0000u ? 1.0f : 0.0f, x[3] = bits & 0xff000000u ? 1.0f : 0.0f;
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
ROI_GPU Packed<T, kWidth> pack(const float* x) {
  if constexpr (kWidth == 4)
    return Element<T>::narrow(x);
  else
    return Element<T>::narrow(x[0]);
}

/// Packed elements wait in the registers of floats.
template <class P>
ROI_GPU void park(const P& packed, float* x) {
  std::memcpy(x, &packed, sizeof packed);
}
template <class P>
ROI_GPU P unpark(const float* x) {
  P packed;
  std::memcpy(&packed, x, sizeof packed);
  return packed;
}

/// kBytes of memory in one access.
template <int kBytes>
using Words = std::conditional_t<
    kBytes == 32, Octet,
    std::conditional_t<kBytes == 16, float4, std::conditional_t<kBytes == 8, float2, float>>>;

/// kCount of them that lie together, aligned to their size together, in one access.
template <int kCount, class P>
ROI_GPU void load_together(const P* packed, P* x) {
  if constexpr (kCount == 1) {
    x[0] = load_once(packed);
  } else {
    const auto all = load_once(reinterpret_cast<const Words<kCount * sizeof(P)>*>(packed));
    std::memcpy(x, &all, sizeof all);
  }
}
template <int kCount, class P>
ROI_GPU void store_together(P* packed, const P* x) {
  if constexpr (kCount == 1) {
    store_once(packed, x[0]);
  } else {
    Words<kCount * sizeof(P)> all;
    std::memcpy(&all, x, sizeof all);
    store_once(reinterpret_cast<decltype(all)*>(packed), all);
  }
}

template <class T, int kWidth>
ROI_GPU void load_floats(const void* tensor, int64_t at, float* x) {
  unpack<T, kWidth>(load_packed<T, kWidth>(tensor, at), x);
}

template <class T, int kWidth>
ROI_GPU void store_floats(void* tensor, int64_t at, const float* x) {
  auto* words = static_cast<typename Element<T>::Word*>(tensor) + at;
  store_once(reinterpret_cast<Packed<T, kWidth>*>(words), pack<T, kWidth>(x));
}

ROI_GPU int element_bytes(DType dtype) {
  return dtype == DType::kUint8 ? 1 : dtype == DType::kFloat32 ? 4 : 2;
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
