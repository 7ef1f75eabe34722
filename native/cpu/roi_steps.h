#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "crops.h"
#include "plan.h"
#include "row_view.h"

// One RoI of each term: which rows its label selects, what of the gradient to clear, the row's kernel.

namespace roi {

/// What each thread has to itself.
struct ThreadState {
  RowBuffer inputs, targets, grad;
  CropBuffer crops;
  std::array<RowBuffer, kClassBlock> block_scores, block_grads;
  double counters[kCounters];
  std::optional<BadInput> bad_input;  ///< the first that it came upon
};

struct StepContext {
  const Problem& problem;
  const Plan& plan;
  const RowKernels& rows;
  const MaskFormula& mask;
};

/// Keeps the first of two bad inputs, whatever the order in which threads come upon them.
inline void keep_first(std::optional<BadInput>& first, const BadInput& other) {
  const auto place = [](const BadInput& bad) { return std::pair(bad.input, bad.index); };
  if (!first || place(other) < place(*first)) first = other;
}

/// Looks for what is bad in a row of an input that lies from element `begin` on.
template <class IsBad>
void find_bad(CheckedInput input, const float* row, int64_t n, int64_t begin, int64_t classes, IsBad is_bad,
              std::optional<BadInput>& first) {
  const float* const bad = std::find_if(row, row + n, is_bad);
  if (bad != row + n) keep_first(first, {input, begin + (bad - row), static_cast<double>(*bad), classes});
}

/// A NaN or infinite input gives a NaN, never an infinity that a later step could mistake for a number.
inline double finite_or_nan(double loss) {
  return std::isfinite(loss) ? loss : std::numeric_limits<double>::quiet_NaN();
}

inline double grad_scale(const Term& term, const Factors& factors, int64_t r) {
  return term.upstream ? factors.grad * static_cast<double>(term.upstream[r]) : factors.grad;
}

/// The class losses of the RoIs from begin to end, at most kClassBlock of them, before `weight` and
/// reduction: 0 for one that does not count.
void class_rois(const StepContext& step, ThreadState& thread, int64_t begin, int64_t end, double* losses);

/// The same for one RoI.
double box_roi(const StepContext& step, ThreadState& thread, int64_t r);
double mask_roi(const StepContext& step, ThreadState& thread, int64_t p);

}  // namespace roi
