#pragma once

#include "sigmoid.h"

// Binary cross-entropy with logits: max(z, 0) − z·y + log(1 + e^−|z|), derivative σ(z) − y
// (He et al., Mask R-CNN, 2017, section 3; the stable form as in PyTorch's binary_cross_entropy_with_logits).
// By sides: for z ≥ 0 it is z·(1 − y) + log1p(e), for z < 0 it is |z|·y + log1p(e); both are |z|·a +
// log1p(e).

namespace roi::bce {

template <class F>
ROI_FORMULA F value(const Pixel<F>& p) {
  return p.magnitude * p.error + log1p_unit(p.decay);
}

/// σ(z) − y is (1 − y) − t for z ≥ 0 and t − y for z < 0.
template <class F>
ROI_FORMULA F derivative(const Pixel<F>& p) {
  return select(p.negative, p.tail - p.error, p.error - p.tail);
}

}  // namespace roi::bce
