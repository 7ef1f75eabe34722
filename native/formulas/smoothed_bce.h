#pragma once

#include "bce.h"

// Label-smoothed binary cross-entropy: bce against y·(1 − s) + s/2 (Szegedy et al., Rethinking the Inception
// Architecture, 2016, section 7, with two classes).

namespace roi::smoothed_bce {

/// A pixel's `error` against the smoothed target. Smoothing moves y and 1 − y alike, so it acts on the error
/// whatever the side.
template <class F>
ROI_FORMULA F smoothed(F error, float smoothing) {
  return error * F(1.0f - smoothing) + F(0.5f * smoothing);
}

/// bce is linear in its target: w₁·bce + w₂·smoothed_bce(s) = (w₁ + w₂)·smoothed_bce(s·w₂ / (w₁ + w₂)).
ROI_FORMULA double merged_smoothing(double bce_weight, double smoothed_weight, double smoothing) {
  const double weight = bce_weight + smoothed_weight;
  return weight > 0 ? smoothing * smoothed_weight / weight : 0;
}

}  // namespace roi::smoothed_bce
