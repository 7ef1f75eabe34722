#pragma once

#include "bce.h"

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

namespace roi {

struct SmoothedBce {
  static constexpr const char* kName = "smoothed-bce";
  enum { kSmoothing };
  static constexpr std::array<Option, 1> kOptions{{{"smoothing", 0.05, 0, 1}}};
  static constexpr int kSums = 1;  ///< of the pixels' losses
  template <class S>
  using Options = Values<S, 1>;

  template <class S>
  ROI_FORMULA static smoothed_bce::Smoothing smoothing(const Options<S>& options) {
    const S s = options[kSmoothing];
    return {static_cast<float>(s - 1), static_cast<float>(-s / 2)};
  }
  template <class F>
  ROI_FORMULA static Values<F, kSums> add(const Pixel<F>& p, F, const Options<float>& options) {
    const F minus_error = smoothed_bce::minus_error(smoothing(options), p.error);
    return {{bce::value(bce::linear(p, minus_error), p.decay)}};
  }
  template <class S>
  ROI_FORMULA static S value(const Values<S, kSums>& sums, S pixels, const Options<S>&) {
    return sums[0] / pixels;
  }
  struct Slope {
    smoothed_bce::Smoothing smoothing;
    float scale;
  };
  template <class S>
  ROI_FORMULA static Slope slope(const Values<S, kSums>&, S pixels, const Options<S>& options, S scale) {
    return {smoothing(options), static_cast<float>(scale / pixels)};
  }
  template <class F>
  ROI_FORMULA static F derivative(const Slope& slope, const Pixel<F>& p, F) {
    return bce::derivative(p, smoothed_bce::minus_error(slope.smoothing, p.error), F(slope.scale));
  }
};

}  // namespace roi
