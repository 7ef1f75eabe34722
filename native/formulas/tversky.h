#pragma once

#include "kinds.h"
#include "sigmoid.h"

// Soft Tversky of one RoI: 1 − (TP + ε) / (TP + α·FP + β·FN + ε), with TP = Σσy, FP = Σσ(1 − y) and FN = Σ(1
// − σ)y (Salehi et al., Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep
// Networks, 2017). α = β = ½ is dice with half its ε, α = β = 1 is Jaccard. The loss is (α·FP + β·FN) over
// the same denominator D, in which nothing cancels.

namespace roi {

struct Tversky {
  static constexpr const char* kName = "tversky";
  enum { kAlpha, kBeta, kEps };
  static constexpr std::array<Option, 3> kOptions{
      {{"alpha", 0.3, 0, kUnbounded}, {"beta", 0.7, 0, kUnbounded}, {"eps", 1e-6, kLeastFloat, kUnbounded}}};
  enum { kOverlap, kFalsePositive, kFalseNegative, kSums };
  template <class S>
  using Options = Values<S, 3>;

  template <class F>
  ROI_FORMULA static Values<F, kSums> add(const Pixel<F>& p, F y, const Options<float>&) {
    const F other = F(1.0f) - p.tail;
    const F foreground = select(p.negative, p.tail, other), background = select(p.negative, other, p.tail);
    return {{foreground * y, foreground * (F(1.0f) - y), background * y}};
  }

  template <class S>
  ROI_FORMULA static S error(const Values<S, kSums>& sums, const Options<S>& options) {
    return options[kAlpha] * sums[kFalsePositive] + options[kBeta] * sums[kFalseNegative];
  }
  template <class S>
  ROI_FORMULA static S value(const Values<S, kSums>& sums, S, const Options<S>& options) {
    const S wrong = error(sums, options);
    return wrong / (sums[kOverlap] + wrong + options[kEps]);
  }

  /// d loss / dσ = background·(1 − y) − foreground·y, σ' = t(1 − t).
  struct Slope {
    float background, foreground;
  };
  template <class S>
  ROI_FORMULA static Slope slope(const Values<S, kSums>& sums, S, const Options<S>& options, S scale) {
    const S wrong = error(sums, options), right = sums[kOverlap] + options[kEps];
    const S denominator = right + wrong;
    const S share = scale / denominator;  // before anything is squared: eps may be tiny
    const S agreement = right / denominator, loss = wrong / denominator;
    return {static_cast<float>(share * (options[kAlpha] * agreement)),
            static_cast<float>(share * (options[kBeta] * agreement + loss))};
  }
  template <class F>
  ROI_FORMULA static F derivative(const Slope& slope, const Pixel<F>& p, F y) {
    return (p.tail - p.tail * p.tail) * (F(slope.background) * (F(1.0f) - y) - F(slope.foreground) * y);
  }
};

}  // namespace roi
