#pragma once

#include <vector>

#include "plan.h"
#include "row_view.h"

// One RoI of each term: which rows its label selects, what of the gradient to clear, the row's kernel.

namespace roi {

/// What each thread has to itself.
struct ThreadState {
  RowBuffer inputs, targets, grad;
  double counters[kCounters];
};

struct StepContext {
  const Problem& problem;
  const Plan& plan;
  const RowKernels& rows;
};

/// Each returns the RoI's loss, before `weight` and reduction: 0 for a RoI that does not count.
double class_roi(const StepContext& step, ThreadState& thread, int64_t r);
double box_roi(const StepContext& step, ThreadState& thread, int64_t r);
double mask_roi(const StepContext& step, ThreadState& thread, int64_t p);

}  // namespace roi
