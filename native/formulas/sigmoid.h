#pragma once

#include "portable.h"

// A pixel of a mask as every mask loss sees it. Written by the side of the logit (z < 0 or not) instead of
// σ(z), so that nothing cancels: σ(z) − y and 1 − σ(z) lose all relative accuracy once σ saturates, these do
// not.

namespace roi {

template <class F>
struct Pixel {
  decltype(is_negative(F())) negative;  ///< whether z < 0, that is, whether the prediction is background
  F minus_distance;                     ///< −|z|, |z| from the logit where both sides are alike
  F decay;                              ///< e = exp(−|z|)
  F tail;   ///< t = e / (1 + e) = σ(−|z|), the probability of the side not predicted, in [0, ½]
  F error;  ///< a: distance of the target from the predicted side, z < 0 ? y : 1 − y
};

template <class M, class F>
ROI_FORMULA F error_of(M negative, F y) {
  return select(negative, y, F(1.0f) - y);
}

template <class F>
ROI_FORMULA Pixel<F> pixel(F z, F y) {
  const F minus_distance = minus_magnitude(z);
  const F e = exp_nonpositive(minus_distance);
  const auto negative = is_negative(z);
  return {negative, minus_distance, e, quotient(e, e + F(1.0f)), error_of(negative, y)};
}

}  // namespace roi
