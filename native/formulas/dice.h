#pragma once

#include "kinds.h"
#include "sigmoid.h"

// Soft Dice of one RoI: 1 − (2 Σσy + ε) / (Σσ + Σy + ε) (Milletari et al., V-Net, 2016, in the form without
// squares). With the mismatch M = Σ (σ(1 − y) + y(1 − σ)) and the overlap O = Σ σy, Σσ + Σy is M + 2O and the
// loss M / (M + 2O + ε): the same number. No term of either sum is negative, so that nothing cancels, neither
// in a loss near 0 nor in the derivative where a target is empty.

namespace roi::dice {

/// σ(1 − y) + y(1 − σ), which is a(1 − t) + t(1 − a) on either side.
template <class F>
ROI_FORMULA F mismatch(const Pixel<F>& p) {
  return p.error + p.tail * (F(1.0f) - F(2.0f) * p.error);
}

/// σ·y.
template <class F>
ROI_FORMULA F overlap(const Pixel<F>& p, F y) {
  return select(p.negative, p.tail, F(1.0f) - p.tail) * y;
}

/// From the RoI's sums of `mismatch` and `overlap`.
template <class S>
ROI_FORMULA S value(S mismatch, S overlap, S eps) {
  return mismatch / (mismatch + 2 * overlap + eps);
}

/// d loss / dz = −t(1 − t) · (constant + slope·y), for each pixel: σ' = t(1 − t), and with D = M + 2O + ε
/// d loss / dσ = ((2O + ε) / D − 2y) / D.
struct Derivative {
  float constant, slope;
};

template <class S>
ROI_FORMULA Derivative derivative(S mismatch, S overlap, S eps, S scale) {
  const S denominator = mismatch + 2 * overlap + eps;
  const S share = scale / denominator;  // before anything is squared: eps may be tiny
  return {static_cast<float>(-share * ((2 * overlap + eps) / denominator)), static_cast<float>(2 * share)};
}

template <class F>
ROI_FORMULA F derivative(const Derivative& d, F tail, F y) {
  return (tail * tail - tail) * (F(d.constant) + F(d.slope) * y);
}

}  // namespace roi::dice

namespace roi {

struct Dice {
  static constexpr const char* kName = "dice";
  enum { kEps };
  static constexpr std::array<Option, 1> kOptions{{{"eps", 1e-6, kLeastFloat, kUnbounded}}};
  enum { kMismatch, kOverlap, kSums };
  template <class S>
  using Options = Values<S, 1>;

  template <class F>
  ROI_FORMULA static Values<F, kSums> add(const Pixel<F>& p, F y, const Options<float>&) {
    return {{dice::mismatch(p), dice::overlap(p, y)}};
  }
  template <class S>
  ROI_FORMULA static S value(const Values<S, kSums>& sums, S, const Options<S>& options) {
    return dice::value(sums[kMismatch], sums[kOverlap], options[kEps]);
  }
  using Slope = dice::Derivative;
  template <class S>
  ROI_FORMULA static Slope slope(const Values<S, kSums>& sums, S, const Options<S>& options, S scale) {
    return dice::derivative(sums[kMismatch], sums[kOverlap], options[kEps], scale);
  }
  template <class F>
  ROI_FORMULA static F derivative(const Slope& slope, const Pixel<F>& p, F y) {
    return dice::derivative(slope, p.tail, y);
  }
};

}  // namespace roi
