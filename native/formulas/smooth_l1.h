#pragma once

#include "kinds.h"

// Smooth L1 of d = t − v: d²/(2β) for |d| < β, else |d| − β/2 (Girshick, Fast R-CNN, 2015, equation 3, with β
// as in detectron2 and PyTorch). β = 0 is L1.

namespace roi::smooth_l1 {

template <class F>
ROI_FORMULA F value(F d, float beta) {
  const F m = magnitude(d);
  return select(m < F(beta), m * m * F(0.5f) / F(beta), m - F(0.5f * beta));
}

/// d/β for |d| < β, else the sign of d; 0 at d = 0 whatever β is.
template <class F>
ROI_FORMULA F derivative(F d, float beta) {
  const F sign = select(d > F(0.0f), F(1.0f), select(d < F(0.0f), F(-1.0f), d));
  return select(magnitude(d) < F(beta), d / F(beta), sign);
}

}  // namespace roi::smooth_l1

namespace roi {

struct SmoothL1 {
  static constexpr const char* kName = "smooth-l1";
  enum { kBeta };
  static constexpr std::array<Option, 1> kOptions{{{"beta", 1, 0, kUnbounded}}};
};

}  // namespace roi
