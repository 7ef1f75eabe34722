#pragma once

#include "sigmoid.h"

// Soft Dice of one RoI: 1 − (2 Σσy + ε) / (Σσ + Σy + ε) (Milletari et al., V-Net, 2016, in the form without
// squares). With the mismatch M = Σ (σ + y − 2σy), every term of which is ≥ 0, it is M / (Σσ + Σy + ε): the
// same number, without the cancellation of a loss near 0.

namespace roi::dice {

/// σ(1 − y) + y(1 − σ), which is a(1 − t) + t(1 − a) on either side.
template <class F>
ROI_FORMULA F mismatch(const Pixel<F>& p) {
  return p.error + p.tail - F(2.0f) * p.error * p.tail;
}

/// σ + y.
template <class F>
ROI_FORMULA F total(const Pixel<F>& p, F y) {
  return select(p.negative, p.tail, F(1.0f) - p.tail) + y;
}

/// From the RoI's sums of `mismatch` and `total`.
template <class S>
ROI_FORMULA S value(S mismatch, S total, S eps) {
  return mismatch / (total + eps);
}

/// d loss / dz = t(1 − t) · (constant + slope·y), for each pixel: σ' = t(1 − t), and with D = Σσ + Σy + ε
/// d loss / dσ = ((2 Σσy + ε) / D − 2y) / D, where 2 Σσy + ε = D − M.
struct Derivative {
  float constant, slope;
};

template <class S>
ROI_FORMULA Derivative derivative(S mismatch, S total, S eps, S scale) {
  const S denominator = total + eps;
  const S share = scale / denominator;  // before anything is squared: eps may be tiny
  return {static_cast<float>(share * ((denominator - mismatch) / denominator)),
          static_cast<float>(-2 * share)};
}

template <class F>
ROI_FORMULA F derivative(const Derivative& d, F tail, F y) {
  return tail * (F(1.0f) - tail) * (F(d.constant) + F(d.slope) * y);
}

}  // namespace roi::dice
