#pragma once

#include <algorithm>

#include "few_classes.h"
#include "tiles.h"

// The class loss of rows of logits.

namespace roi::ROI_SIMD {
namespace {

ROI_INLINE float max_of(const float* x, int64_t n) {
  Floats m(x[0]);
  for_each_vector(0, n, [&](int64_t i, auto lanes) { m = max(keep(load(x + i, lanes), lanes, m), m); });
  return max_of_lanes(m);
}

/// Below this Σ_{c ≠ u} exp(z_c − z_u), the label u is all but certain. The others can do with less.
constexpr float kAllButCertain = 0x1p-20f;

/// The exponentials of a row where one logit is the largest, and the sum of the others.
template <bool kGradient>
float exact_exponentials(const ClassRow& row, Floats largest) {
  double sum = 0;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Floats others(0.0f);
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Floats z = load(row.scores + i, lanes);
      const Floats exact = cross_entropy::exact_exponential(z, largest);
      others += keep(select(z < largest, exact, Floats(0.0f)), lanes);
      if constexpr (kGradient) store(row.grad + i, exact, lanes);
    });
    sum += sum_of_lanes(others);
  });
  return static_cast<float>(sum);
}

template <bool kGradient, bool kEven>
ROI_INLINE cross_entropy::Row exponentials(const ClassRow& row) {
  const float largest = max_of(row.scores, row.n);
  const float label_logit = row.scores[row.label];
  const float label_exp = exp_nonpositive(Floats(label_logit - largest)).v[0];
  double others_sum = 0, weighted_sum = 0;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Floats others(0.0f), weighted(0.0f);
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Floats z = load(row.scores + i, lanes);
      const Floats below = z - Floats(largest);
      const Floats e = exp_nonpositive(below);
      const Mask is_label{lane_numbers() == static_cast<int32_t>(row.label - i)};
      // z·0 makes −∞, whose exponential is finite, a NaN.
      others += keep(select(is_label, Floats(0.0f), e) + z * Floats(0.0f), lanes);
      if constexpr (kEven) {
        const Floats w = row.weights ? load(row.weights + i, lanes) : Floats(1.0f);
        weighted += keep(w * (Floats(0.0f) - below), lanes);
      }
      if constexpr (kGradient) store(row.grad + i, e, lanes);
    });
    others_sum += sum_of_lanes(others);
    if constexpr (kEven) weighted_sum += sum_of_lanes(weighted);
  });
  auto others = static_cast<float>(others_sum);
  float rest = cross_entropy::kNotSummed;
  if (label_logit == largest) {
    if (others < kAllButCertain) others = exact_exponentials<kGradient>(row, Floats(largest));
    rest = others;
  } else if (kEven && cross_entropy::needs_rest(row.target, others + label_exp)) {
    rest = exact_exponentials<kGradient>(row, Floats(largest));
  }
  return {largest, label_logit, label_exp, others, static_cast<float>(weighted_sum), rest};
}

template <bool kEven>
ROI_INLINE void softmax_gradient(const ClassRow& row, const cross_entropy::Row& sums) {
  const Floats normalize(1.0f / cross_entropy::sum_of_exp(sums)), scale(row.scale);
  for_each_vector(0, row.n, [&](int64_t i, auto lanes) {
    const Floats probability = load(row.grad + i, lanes) * normalize;
    const Floats w = kEven && row.weights ? load(row.weights + i, lanes) : Floats(1.0f);
    store(row.grad + i, cross_entropy::derivative(row.target, probability, w) * scale, lanes);
  });
  const float label_weight = row.weights ? row.weights[row.label] : 1.0f;
  row.grad[row.label] = row.scale * cross_entropy::label_derivative(row.target, sums, label_weight);
}

template <bool kGradient>
void cross_entropy_few_classes(ClassRow* rows, int64_t count) {
  const auto alone = [](ClassRow& row) {
    const cross_entropy::Row sums = exponentials<kGradient, false>(row);
    if constexpr (kGradient) softmax_gradient<false>(row, sums);
    row.loss = static_cast<double>(cross_entropy::value(sums, row.target));
  };
  for (int64_t i = 0; i < count; i += kLanes)
    cross_entropy_across<kGradient>(rows + i, std::min(count - i, int64_t{kLanes}), kAllButCertain, alone);
}

template <bool kGradient, bool kEven>
void cross_entropy_rows(ClassRow* rows, int64_t count) {
  if constexpr (!kEven)
    if (rows[0].n <= kFewClasses) return cross_entropy_few_classes<kGradient>(rows, count);
  // The logarithms come in a loop of their own: around a call no vector stays in its register.
  cross_entropy::Row sums[kClassBlock];
  for (int64_t i = 0; i < count; i++) {
    sums[i] = exponentials<kGradient, kEven>(rows[i]);
    if constexpr (kGradient) softmax_gradient<kEven>(rows[i], sums[i]);
  }
  for (int64_t i = 0; i < count; i++)
    rows[i].loss = static_cast<double>(cross_entropy::value(sums[i], rows[i].target));
}

void cross_entropy_loss(ClassRow* rows, int64_t count) {
  if (count == 0) return;
  const bool gradient = rows[0].grad, even = rows[0].target.even != 0.0f;
  const auto run = gradient ? (even ? cross_entropy_rows<true, true> : cross_entropy_rows<true, false>)
                            : (even ? cross_entropy_rows<false, true> : cross_entropy_rows<false, false>);
  run(rows, count);
}

}  // namespace
}  // namespace roi::ROI_SIMD
