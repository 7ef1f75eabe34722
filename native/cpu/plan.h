#pragma once

#include "../problem.h"

// What has to be known of all RoIs before the first gradient can be written: how many count.

namespace roi {

/// Factors of one term: reduced loss = Σ perRoi · loss, gradient = upstream_r · ∂perRoi · grad.
struct Factors {
  double loss = 0, grad = 0;
};

struct Plan {
  Factors cls, box, mask;
  double class_weight_sum = 0;  ///< Σ_c w_c
};

Plan make_plan(const Problem& problem);

}  // namespace roi
