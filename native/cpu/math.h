#pragma once

#include "pair.h"

// What the formulas need of a vector of floats besides arithmetic. test/losses/math.test.ts holds them to
// their bounds.

namespace roi::ROI_SIMD {

ROI_INLINE Floats quotient(Floats a, Floats b) { return a / b; }
ROI_INLINE Pair quotient(Pair a, Pair b) { return a / b; }

/// 2^(b − 127), b being the low eight bits of x.
ROI_INLINE Floats power_of_two(Floats x) { return from_bits(bits(x) << 23); }
ROI_INLINE Pair power_of_two(Pair x) { return {power_of_two(x.a), power_of_two(x.b)}; }

/// x − n·ln 2. Where the product is not rounded, one constant is enough: it is off by 2e-9.
template <class F>
ROI_INLINE F less_logarithms_of_two(F x, F n) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return x - n * F(0.693147182f);
#else
  return (x - n * F(0.693359375f)) + n * F(2.12194440e-4f);
#endif
}

/// e^x for x ≤ 0, 0 where that is below the smallest normal float (x < −87.7), NaN for NaN. Within 1.5 ulp
/// for x ≥ −16, 5 ulp below; where x grows by an ulp it may fall by one. x = n·ln 2 + r with |r| ≤ ½ ln 2, so
/// e^x = 2^n·e^r; the polynomial is minimax for e^r.
template <class F>
ROI_INLINE F exp_nonpositive(F x) {
  // Adding 1.5 · 2^23 leaves an integer in the low bits; with 127 more it is the exponent of 2^n as floats
  // have it.
  const F round(12582912.0f + 127.0f);
  const F bounded = max(F(-88.0f), x);
  const F shifted = bounded * F(1.44269504f) + round;
  const F r = less_logarithms_of_two(bounded, shifted - round);
  const F power = power_of_two(shifted);
  F p(0.00138145988f);
  p = p * r + F(0.00836871658f);
  p = p * r + F(0.04166838899f);
  p = p * r + F(0.16666521132f);
  p = p * r + F(0.49999994040f);
  p = p * r + F(1.0f);
  return power + power * r * p;
}

/// log(1 + x) for x ≥ 0, NaN for NaN and ∞, within 3 ulp, at tiny x too.
/// 1 + x = 2^k·(1 + f) with f in [√½ − 1, √2 − 1]; the polynomial is minimax for log(1 + f).
ROI_INLINE Floats log1p_nonnegative(Floats x) {
  const int32_t sqrt_half = 0x3f3504f3;
  const Floats s = Floats(1.0f) + x;
  const IntLanes k = (bits(s) - sqrt_half) >> 23;
  const Floats n(__builtin_convertvector(k, FloatLanes));
  // x itself where k is 0: s has lost what a small x has beyond its bits.
  const Floats f = select(Mask{k == 0}, x, from_bits(bits(s) - (k << 23)) - Floats(1.0f));
  Floats p(-0.0764497668f);
  p = p * f + Floats(0.129219368f);
  p = p * f + Floats(-0.132427201f);
  p = p * f + Floats(0.141792566f);
  p = p * f + Floats(-0.166087955f);
  p = p * f + Floats(0.20002088f);
  p = p * f + Floats(-0.250015974f);
  p = p * f + Floats(0.333333254f);
  p = p * f + Floats(-0.499999881f);
  return f + f * f * p + n * Floats(0.693147182f) + x * Floats(0.0f);
}

}  // namespace roi::ROI_SIMD
