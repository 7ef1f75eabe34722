#pragma once

#include "math.h"
#include "rows.h"

// The class loss of rows with few classes, a row in each lane: a vector of one such row would be mostly
// empty, and its sums, logarithm and quotient a chain that the processor waits for. A lane does not depend on
// the others, so neither does a row on those that happen to be computed beside it.

namespace roi::ROI_SIMD {

/// The most classes of such rows.
constexpr int64_t kFewClasses = 16;

/// Of rows without label smoothing, at most kLanes. `alone` computes a row whose label is all but certain.
template <bool kGradient, class Alone>
ROI_INLINE void cross_entropy_across(ClassRow* rows, int64_t count, float all_but_certain, Alone alone) {
  const int64_t classes = rows[0].n;
  alignas(64) float logits[kFewClasses][kLanes], exponentials[kFewClasses][kLanes];
  alignas(64) float label_logits[kLanes], weights[kLanes], scales[kLanes], lanes[kLanes];
  alignas(64) int32_t labels[kLanes];
  for (int64_t lane = 0; lane < kLanes; lane++) {
    const ClassRow& row = rows[lane < count ? lane : 0];
    for (int64_t c = 0; c < classes; c++) logits[c][lane] = row.scores[c];
    label_logits[lane] = row.scores[row.label];
    labels[lane] = row.label;
    weights[lane] = row.target.label;
    scales[lane] = row.scale;
  }
  const auto all = [](const float* p) { return load(p, AllLanes{}); };
  IntLanes label;
  std::memcpy(&label, labels, sizeof label);
  const auto is_label = [&](int64_t c) { return Mask{label == static_cast<int32_t>(c)}; };

  Floats largest = all(logits[0]);
  for (int64_t c = 1; c < classes; c++) largest = max(all(logits[c]), largest);
  Floats others(0.0f), label_exp(0.0f);
  for (int64_t c = 0; c < classes; c++) {
    const Floats z = all(logits[c]);
    const Floats e = exp_nonpositive(z - largest);
    // z·0 makes −∞, whose exponential is finite, a NaN.
    others += select(is_label(c), Floats(0.0f), e) + z * Floats(0.0f);
    label_exp = select(is_label(c), e, label_exp);
    if constexpr (kGradient) store(exponentials[c], e, AllLanes{});
  }
  const Floats label_logit = all(label_logits), weight = all(weights), sum = others + label_exp;
  const Mask is_largest{label_logit.v == largest.v};
  // The sum without the largest, whose exponential is 1.
  const Floats log_sum = log1p_nonnegative(select(is_largest, others, sum - Floats(1.0f)));
  store(lanes, weight * ((largest - label_logit) + log_sum), AllLanes{});
  for (int64_t lane = 0; lane < count; lane++) rows[lane].loss = static_cast<double>(lanes[lane]);

  if constexpr (kGradient) {
    const Floats scale = all(scales), normalize = Floats(1.0f) / sum;
    const Floats at_label = (-weight * others) / sum * scale;
    for (int64_t c = 0; c < classes; c++) {
      const Floats elsewhere = weight * (all(exponentials[c]) * normalize) * scale;
      store(lanes, select(is_label(c), at_label, elsewhere), AllLanes{});
      for (int64_t lane = 0; lane < count; lane++) rows[lane].grad[c] = lanes[lane];
    }
  }
  const Mask certain = is_largest & (others < Floats(all_but_certain));
  if (!any(certain)) return;
  store(lanes, select(certain, Floats(1.0f), Floats(0.0f)), AllLanes{});
  for (int64_t lane = 0; lane < count; lane++)
    if (lanes[lane] != 0.0f) alone(rows[lane]);
}

}  // namespace roi::ROI_SIMD
