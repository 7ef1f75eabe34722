#pragma once

#include "kinds.h"
#include "sigmoid.h"

// Binary cross-entropy with logits: max(z, 0) − z·y + log(1 + e^−|z|), derivative σ(z) − y
// (He et al., Mask R-CNN, 2017, section 3; the stable form as in PyTorch's binary_cross_entropy_with_logits).
// By sides: for z ≥ 0 it is z·(1 − y) + log1p(e), for z < 0 it is |z|·y + log1p(e); both are |z|·a +
// log1p(e).

namespace roi::bce {

// The sum over pixels takes one logarithm for many: log1p(e₁) + log1p(e₂) is log1p(e₁ + e₂ + e₁·e₂), accurate
// however small e₁ and e₂ are.
//
// Takes −a, as it comes from smoothed_bce.h: a compiler then has no sign to turn.

/// |z|·a, the part that is linear in the target.
template <class F>
ROI_FORMULA F linear(const Pixel<F>& p, F minus_error) {
  return p.minus_distance * minus_error;
}

/// The decay of two sets of pixels together: below 2^n for n of them.
template <class F>
ROI_FORMULA F joint_decay(F e1, F e2) {
  return (e1 + e2) + e1 * e2;
}

/// The decay of a few pixels and one more, by the 1 + e that `pixel` divides by. Pixels that are alike all
/// round 1 + e to the same side: n of them are off by up to n/2 times that.
template <class F>
ROI_FORMULA F joint_decay(F few, const Pixel<F>& p) {
  return few * (p.decay + F(1.0f)) + p.decay;
}

/// Of a set of pixels, from the sum of `linear` and the joint decay.
template <class F>
ROI_FORMULA F value(F linear, F decay) {
  return log1p_nonnegative(decay) + linear;
}

/// Times `scale`: σ(z) − y is (1 − y) − t for z ≥ 0 and t − y for z < 0.
template <class F>
ROI_FORMULA F derivative(const Pixel<F>& p, F minus_error, F scale) {
  return (p.tail + minus_error) * negate_where(p.negative, -scale);
}

}  // namespace roi::bce

namespace roi {

struct Bce {
  static constexpr const char* kName = "bce";
  static constexpr NoOptions kOptions{};
  static constexpr int kSums = 1;  ///< of the pixels' losses
  template <class S>
  using Options = Values<S, 0>;

  template <class F>
  ROI_FORMULA static Values<F, kSums> add(const Pixel<F>& p, F, const Options<float>&) {
    return {{bce::value(bce::linear(p, -p.error), p.decay)}};
  }
  template <class S>
  ROI_FORMULA static S value(const Values<S, kSums>& sums, S pixels, const Options<S>&) {
    return sums[0] / pixels;
  }
  struct Slope {
    float scale;
  };
  template <class S>
  ROI_FORMULA static Slope slope(const Values<S, kSums>&, S pixels, const Options<S>&, S scale) {
    return {static_cast<float>(scale / pixels)};
  }
  template <class F>
  ROI_FORMULA static F derivative(const Slope& slope, const Pixel<F>& p, F) {
    return bce::derivative(p, -p.error, F(slope.scale));
  }
};

}  // namespace roi
