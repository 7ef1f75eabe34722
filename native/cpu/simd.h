#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// A vector of floats as wide as the instruction set's registers, over the vector extension that GCC and Clang
// share, so that one source serves AVX-512, AVX2, SSE2 and NEON. Its namespace differs for each instruction
// set it is compiled for: nothing compiled for one can be linked in place of another.

namespace roi::ROI_SIMD {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

#define ROI_INLINE inline __attribute__((always_inline))

typedef float FloatLanes __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntLanes __attribute__((vector_size(4 * kLanes)));
typedef uint32_t UintLanes __attribute__((vector_size(4 * kLanes)));

/// All bits set in the lanes where it holds.
struct Mask {
  IntLanes v;
};

struct Floats {
  FloatLanes v;
  Floats() = default;
  ROI_INLINE explicit Floats(float x) : v(FloatLanes{} + x) {}
  ROI_INLINE explicit Floats(FloatLanes x) : v(x) {}
};

ROI_INLINE Floats operator+(Floats a, Floats b) { return Floats(a.v + b.v); }
ROI_INLINE Floats operator-(Floats a, Floats b) { return Floats(a.v - b.v); }
ROI_INLINE Floats operator*(Floats a, Floats b) { return Floats(a.v * b.v); }
ROI_INLINE Floats operator/(Floats a, Floats b) { return Floats(a.v / b.v); }
ROI_INLINE Floats& operator+=(Floats& a, Floats b) { return a = a + b; }
ROI_INLINE Mask operator<(Floats a, Floats b) { return {a.v < b.v}; }
ROI_INLINE Mask operator>(Floats a, Floats b) { return {a.v > b.v}; }
ROI_INLINE Mask operator>=(Floats a, Floats b) { return {a.v >= b.v}; }
ROI_INLINE Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
ROI_INLINE Mask operator~(Mask a) { return {~a.v}; }

ROI_INLINE Floats select(Mask m, Floats yes, Floats no) { return Floats(m.v ? yes.v : no.v); }
/// b where one is a NaN.
ROI_INLINE Floats max(Floats a, Floats b) {
  // Compilers make two instructions of the selection.
#if defined(__AVX512F__)
  return Floats(_mm512_maskz_max_ps(0xffff, a.v, b.v));  // GCC 12 warns of _mm512_max_ps
#elif defined(__AVX2__)
  return Floats(_mm256_max_ps(a.v, b.v));
#elif defined(__SSE2__)
  return Floats(_mm_max_ps(a.v, b.v));
#else
  return select(a > b, a, b);
#endif
}

/// b where one is a NaN.
ROI_INLINE Floats min(Floats a, Floats b) {
#if defined(__AVX512F__)
  return Floats(_mm512_maskz_min_ps(0xffff, a.v, b.v));
#elif defined(__AVX2__)
  return Floats(_mm256_min_ps(a.v, b.v));
#elif defined(__SSE2__)
  return Floats(_mm_min_ps(a.v, b.v));
#else
  return select(a < b, a, b);
#endif
}

ROI_INLINE IntLanes bits(Floats x) { return reinterpret_cast<IntLanes>(x.v); }
ROI_INLINE Floats from_bits(IntLanes x) { return Floats(reinterpret_cast<FloatLanes>(x)); }

ROI_INLINE Floats operator-(Floats x) { return Floats(-x.v); }

ROI_INLINE Floats magnitude(Floats x) { return from_bits(bits(x) & 0x7fffffff); }
ROI_INLINE Floats minus_magnitude(Floats x) { return from_bits(bits(x) | static_cast<int32_t>(0x80000000)); }

/// Where a vector is negative, by the sign bit: −0 counts as negative, which the formulas allow, and a NaN as
/// either. A selection is one instruction. With AVX-512 it goes by the opposite: of the two results compilers
/// fuse the second with the blend, the one where the formulas compute something.
#if defined(__AVX512F__)
struct Negative {
  __mmask16 is_not;
};
ROI_INLINE Negative is_negative(Floats x) {
  return {_mm512_cmpge_epi32_mask(reinterpret_cast<__m512i>(x.v), __m512i{})};
}
ROI_INLINE Floats select(Negative m, Floats yes, Floats no) {
  return Floats(_mm512_mask_blend_ps(m.is_not, yes.v, no.v));
}
ROI_INLINE Floats negate_where(Negative m, Floats x) { return select(m, -x, x); }
#else
struct Negative {
  IntLanes sign;
};
ROI_INLINE Negative is_negative(Floats x) { return {bits(x)}; }
ROI_INLINE Floats select(Negative m, Floats yes, Floats no) {
#if defined(__AVX2__)
  return Floats(_mm256_blendv_ps(no.v, yes.v, reinterpret_cast<FloatLanes>(m.sign)));
#else
  return Floats(m.sign < 0 ? yes.v : no.v);
#endif
}
ROI_INLINE Floats negate_where(Negative m, Floats x) {
  return from_bits(bits(x) ^ (m.sign & static_cast<int32_t>(0x80000000)));
}
#endif

ROI_INLINE IntLanes lane_numbers() {
  IntLanes n;
  for (int i = 0; i < kLanes; i++) n[i] = i;
  return n;
}

/// How much of a vector is used: all of it, or its first lanes at the end of a row.
struct AllLanes {};
struct FirstLanes {
  int count;
};

/// x in the lanes that are used, `otherwise` in the rest.
ROI_INLINE Floats keep(Floats x, AllLanes, Floats = Floats(0.0f)) { return x; }
ROI_INLINE Floats keep(Floats x, FirstLanes lanes, Floats otherwise = Floats(0.0f)) {
  return select(Mask{lane_numbers() < lanes.count}, x, otherwise);
}

ROI_INLINE Floats load(const float* p, AllLanes) {
  Floats x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
ROI_INLINE void store(float* p, Floats x, AllLanes) { std::memcpy(p, &x, sizeof x); }

// A partial vector reads and writes nothing beyond its lanes; unused lanes are 0.
ROI_INLINE Floats load(const float* p, FirstLanes lanes) {
#if defined(__AVX512F__)
  return Floats(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << lanes.count) - 1), p));
#elif defined(__AVX2__)
  return Floats(_mm256_maskload_ps(p, reinterpret_cast<__m256i>(lane_numbers() < lanes.count)));
#else
  float x[kLanes] = {};
  std::memcpy(x, p, static_cast<size_t>(lanes.count) * sizeof(float));
  return load(x, AllLanes{});
#endif
}
ROI_INLINE void store(float* p, Floats x, FirstLanes lanes) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << lanes.count) - 1), x.v);
#elif defined(__AVX2__)
  // A masked store takes some processors longer than the rest of the row.
  __m128 part = _mm256_castps256_ps128(x.v);
  if (lanes.count & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps(x.v, 1);
    p += 4;
  }
  if (lanes.count & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if (lanes.count & 1) _mm_store_ss(p, part);
#else
  std::memcpy(p, &x, static_cast<size_t>(lanes.count) * sizeof(float));
#endif
}

/// Calls visit(i, lanes) for each vector of a row of n floats from `begin` on.
template <class Visit>
ROI_INLINE void for_each_vector(int64_t begin, int64_t end, Visit visit) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) visit(i, AllLanes{});
  if (i < end) visit(i, FirstLanes{static_cast<int>(end - i)});
}

template <int kDistance, int... kLane>
ROI_INLINE Floats swap_lanes(Floats x, std::integer_sequence<int, kLane...>) {
  return Floats(__builtin_shufflevector(x.v, x.v, (kLane ^ kDistance)...));
}

/// Combines all lanes into one, by halves.
template <int kDistance = kLanes / 2, class Combine>
ROI_INLINE float fold_lanes(Floats x, Combine combine) {
  if constexpr (kDistance == 0)
    return x.v[0];
  else
    return fold_lanes<kDistance / 2>(
        combine(x, swap_lanes<kDistance>(x, std::make_integer_sequence<int, kLanes>())), combine);
}

ROI_INLINE float sum_of_lanes(Floats x) {
  return fold_lanes(x, [](Floats a, Floats b) { return a + b; });
}
ROI_INLINE float max_of_lanes(Floats x) {
  return fold_lanes(x, [](Floats a, Floats b) { return max(a, b); });
}
ROI_INLINE bool any(Mask m) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(m.v)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<FloatLanes>(m.v)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_ps(reinterpret_cast<FloatLanes>(m.v)) != 0;
#else
  return max_of_lanes(select(m, Floats(1.0f), Floats(0.0f))) != 0.0f;
#endif
}

/// Whether numbers that went by were in [0, 1], as far as one instruction a vector tells: −0 and NaN, which a
/// closer look lets pass, count as outside. As bits, negative floats and those above 1 are above those of 1.
#if defined(__SSE2__) && !defined(__AVX2__)
// SSE2 has no such instruction, but two that compare floats.
class UnitWatch {
 public:
  ROI_INLINE void see(Floats x) {
    least_ = min(x, least_);
    most_ = max(x, most_);
  }
  ROI_INLINE bool saw_other() const { return any(least_ < Floats(0.0f)) || any(most_ > Floats(1.0f)); }

 private:
  Floats least_{0.0f}, most_{0.0f};
};
#else
class UnitWatch {
 public:
  ROI_INLINE void see(Floats x) {
    const auto seen = reinterpret_cast<UintLanes>(x.v);
    most_ = most_ > seen ? most_ : seen;
  }
  ROI_INLINE bool saw_other() const { return any(Mask{reinterpret_cast<IntLanes>(most_ > kOne)}); }

 private:
  static constexpr uint32_t kOne = 0x3f800000;
  UintLanes most_{};
};
#endif

}  // namespace roi::ROI_SIMD
