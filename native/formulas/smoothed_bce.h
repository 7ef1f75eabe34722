#pragma once

#include "portable.h"

// Label-smoothed binary cross-entropy: bce against y·(1 − s) + s/2 (Szegedy et al., Rethinking the Inception
// Architecture, 2016, section 7, with two classes).

namespace roi::smoothed_bce {

/// Of a pixel's error a against y, −a against the smoothed target is factor·a + offset. Smoothing moves y and
/// 1 − y alike, so it acts on the error whatever the side.
struct Smoothing {
  float factor, offset;
};

template <class F>
ROI_FORMULA F minus_error(const Smoothing& smoothing, F error) {
  return error * F(smoothing.factor) + F(smoothing.offset);
}

/// Without smoothing, for a loop of its own: one product less.
struct Unsmoothed {};

template <class F>
ROI_FORMULA F minus_error(Unsmoothed, F error) {
  return -error;
}

/// bce is linear in its target: w₁·bce + w₂·smoothed_bce(s) = (w₁ + w₂)·smoothed_bce(s·w₂ / (w₁ + w₂)).
ROI_FORMULA Smoothing merged(double bce_weight, double smoothed_weight, double s) {
  const double weight = bce_weight + smoothed_weight;
  const double merged = weight > 0 ? s * smoothed_weight / weight : 0;
  return {static_cast<float>(merged - 1), static_cast<float>(-merged / 2)};
}

}  // namespace roi::smoothed_bce
