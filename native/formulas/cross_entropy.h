#pragma once

#include <cmath>

#include "kinds.h"

// The class loss of one row, −log softmax(z)_u, in the general form of PyTorch's cross_entropy: with class
// weights w and label smoothing s the target is q_c = (1 − s)·w_u·[c = u] + (s/C)·w_c, the loss Σ q_c
// (log-sum-exp(z) − z_c), and its derivative (Σq)·softmax(z) − q. From probabilities: Σ q_c (−log p_c),
// derivative −q_c / p_c.

namespace roi::cross_entropy {

/// The target distribution of a row: q_c = label·[c = u] + even·w_c, and Σ_c even·w_c.
struct Target {
  float label, even, even_total;
};

template <class S>
ROI_FORMULA Target target(S label_weight, S weight_sum, S smoothing, S classes) {
  const S even = smoothing / classes;
  return {static_cast<float>((1 - smoothing) * label_weight), static_cast<float>(even),
          static_cast<float>(even * weight_sum)};
}

/// What a pass over the logits leaves of a row. `others` leaves the label out, so that the loss and the
/// derivative of a label that is all but certain keep their relative accuracy.
struct Row {
  float max;          ///< the largest logit
  float label_logit;  ///< z_u
  float label_exp;    ///< exp(z_u − max)
  float others;       ///< Σ_{c ≠ u} exp(z_c − max)
  float weighted;     ///< Σ_c w_c (max − z_c); needed with label smoothing alone
  float rest;         ///< Σ exp(z_c − max) but for the largest, whose exponential is 1; or kNotSummed
};

/// The logarithm of `sum_of_exp` will do for log(1 + rest).
constexpr float kNotSummed = -1;

/// Whether `rest` has to be summed for a label that is not the largest. The loss has max − z_u in it, beside
/// which the logarithm's error is nothing, but not where smoothing weighs more than the label: then log(1 +
/// rest) can be all that is left. No two logits are the largest where it holds.
ROI_FORMULA bool needs_rest(const Target& q, float sum_of_exp) {
  return q.label < q.even_total && sum_of_exp < 1.25f;
}

/// exp(z − max), with what z − max was rounded by (Knuth's exact difference), which is up to 2e-6 of it.
template <class F>
ROI_FORMULA F exact_exponential(F z, F max) {
  const F below = z - max, back = below - z;
  const F rounded = (z - (below - back)) - (max + back);
  const F e = exp_nonpositive(below);
  return e + e * rounded;
}

ROI_FORMULA float sum_of_exp(const Row& row) { return row.others + row.label_exp; }

ROI_FORMULA float value(const Row& row, const Target& q) {
  const float log_sum = row.rest == kNotSummed ? logf(sum_of_exp(row)) : log1pf(row.rest);
  const float loss = q.label * (row.max - row.label_logit + log_sum);
  return q.even == 0.0f ? loss : loss + q.even_total * log_sum + q.even * row.weighted;
}

/// At a class c ≠ u, from its probability.
template <class F>
ROI_FORMULA F derivative(const Target& q, F probability, F weight) {
  return F(q.label + q.even_total) * probability - F(q.even) * weight;
}

/// At the label, where p_u − 1 is −others / sum.
ROI_FORMULA float label_derivative(const Target& q, const Row& row, float weight) {
  return (q.even_total * row.label_exp - q.label * row.others) / sum_of_exp(row) - q.even * weight;
}

/// From probabilities: q_c, the share of a class in the target.
template <class S>
ROI_FORMULA S share(const Target& q, bool is_label, S weight) {
  return static_cast<S>(q.even) * weight + (is_label ? static_cast<S>(q.label) : S(0));
}

/// A probability, clamped below so that its logarithm and reciprocal are finite. A NaN stays one.
template <class S>
ROI_FORMULA S clamped(S probability, S eps) {
  return probability < eps ? eps : probability;
}

/// The part of a class in the loss, and its derivative, from its clamped probability.
template <class S>
ROI_FORMULA S probability_value(S share, S probability) {
  return -share * std::log(probability);
}
template <class S>
ROI_FORMULA S probability_derivative(S share, S probability) {
  return -share / probability;
}

}  // namespace roi::cross_entropy

namespace roi {

struct Softmax {
  static constexpr const char* kName = "softmax";
  enum { kLabelSmoothing, kEps };  ///< the latter is for probabilities
  static constexpr std::array<Option, 2> kOptions{
      {{"labelSmoothing", 0, 0, 1}, {"eps", 1e-12, kLeastFloat, kUnbounded}}};
};

}  // namespace roi
