#pragma once

#include "simd.h"

// Two vectors that go through a formula side by side. A pixel is a chain of some twenty operations that wait
// for one another: with two chains whose instructions alternate, a processor finds work while it waits.

namespace roi::ROI_SIMD {

struct Pair {
  Floats a, b;
  Pair() = default;
  ROI_INLINE Pair(Floats x, Floats y) : a(x), b(y) {}
  ROI_INLINE explicit Pair(float x) : a(x), b(x) {}
};

struct PairNegative {
  Negative a, b;
};

ROI_INLINE Pair operator+(Pair x, Pair y) { return {x.a + y.a, x.b + y.b}; }
ROI_INLINE Pair operator-(Pair x, Pair y) { return {x.a - y.a, x.b - y.b}; }
ROI_INLINE Pair operator*(Pair x, Pair y) { return {x.a * y.a, x.b * y.b}; }
ROI_INLINE Pair operator/(Pair x, Pair y) { return {x.a / y.a, x.b / y.b}; }
ROI_INLINE Pair operator-(Pair x) { return {-x.a, -x.b}; }
ROI_INLINE Pair max(Pair x, Pair y) { return {max(x.a, y.a), max(x.b, y.b)}; }
ROI_INLINE Pair magnitude(Pair x) { return {magnitude(x.a), magnitude(x.b)}; }
ROI_INLINE Pair minus_magnitude(Pair x) { return {minus_magnitude(x.a), minus_magnitude(x.b)}; }
ROI_INLINE PairNegative is_negative(Pair x) { return {is_negative(x.a), is_negative(x.b)}; }
ROI_INLINE Pair negate_where(PairNegative m, Pair x) {
  return {negate_where(m.a, x.a), negate_where(m.b, x.b)};
}
ROI_INLINE Pair select(PairNegative m, Pair yes, Pair no) {
  return {select(m.a, yes.a, no.a), select(m.b, yes.b, no.b)};
}

/// All lanes of two vectors.
struct TwoVectors {};

ROI_INLINE Pair load(const float* p, TwoVectors) {
  return {load(p, AllLanes{}), load(p + kLanes, AllLanes{})};
}
ROI_INLINE void store(float* p, Pair x, TwoVectors) {
  store(p, x.a, AllLanes{});
  store(p + kLanes, x.b, AllLanes{});
}
ROI_INLINE Pair keep(Pair x, TwoVectors) { return x; }

/// `sum` with x, which is one vector or two; of two the halves come first, which rounds less.
template <class Combine>
ROI_INLINE Floats folded(Floats sum, Floats x, Combine combine) {
  return combine(sum, x);
}
template <class Combine>
ROI_INLINE Floats folded(Floats sum, Pair x, Combine combine) {
  return combine(sum, combine(x.a, x.b));
}

ROI_INLINE void see(UnitWatch& watch, Floats x) { watch.see(x); }
ROI_INLINE void see(UnitWatch& watch, Pair x) {
  watch.see(x.a);
  watch.see(x.b);
}

/// As for_each_vector, with `lanes` TwoVectors as long as there are two.
template <class Visit>
ROI_INLINE void for_each_pair(int64_t begin, int64_t end, Visit visit) {
  int64_t i = begin;
  for (; i + 2 * kLanes <= end; i += 2 * kLanes) visit(i, TwoVectors{});
  for_each_vector(i, end, visit);
}

}  // namespace roi::ROI_SIMD
