#include "roi_steps.h"

#include <cmath>
#include <limits>

#include "../formulas/smooth_l1.h"
#include "../formulas/smoothed_bce.h"

namespace roi {
namespace {

/// A NaN or infinite input gives a NaN, never an infinity that a later step could mistake for a number.
double finite_or_nan(double loss) {
  return std::isfinite(loss) ? loss : std::numeric_limits<double>::quiet_NaN();
}

double grad_scale(const Term& term, const Factors& factors, int64_t r) {
  return term.upstream ? factors.grad * static_cast<double>(term.upstream[r]) : factors.grad;
}

/// The gradient of a RoI in a tensor [rois, channels, n] (or [rois, n, channels]), of which at most one
/// channel is not zero: clears what the step before left. `channel` is the one about to be written, −1 for
/// none.
void clear_stale(void* grad, int32_t* written, GradFill fill, int64_t r, int64_t channel, int64_t channels,
                 const RowPlace& first) {
  const auto channel_place = [&](int64_t c) {
    RowPlace at = first;
    at.offset += at.stride == 1 ? c * at.n : c;
    return at;
  };
  if (fill == GradFill::kSparse) {
    const int64_t before = written[r] - 1;
    if (before >= 0 && before != channel) clear_row(grad, channel_place(before));
    written[r] = static_cast<int32_t>(channel + 1);
  } else if (fill == GradFill::kRewrite) {
    for (int64_t c = 0; c < channels; c++)
      if (c != channel) clear_row(grad, channel_place(c));
  }
}

int64_t index_of_max(const float* x, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

void count_roi(const float* scores, int64_t classes, int32_t label, double* counters) {
  const int64_t predicted = index_of_max(scores, classes);
  const bool right = predicted == label, foreground = label >= 1;
  counters[kRois] += 1;
  counters[kRoisRight] += right;
  counters[kForeground] += foreground;
  counters[kForegroundRight] += foreground && right;
  counters[kForegroundMissed] += foreground && predicted == 0;
}

double probabilities_loss(const StepContext& step, const float* probs, float* grad, int32_t label,
                          const cross_entropy::Target& q, double scale) {
  const ClassTerm& term = step.problem.cls;
  // Only p_u enters the formula, but a row with a NaN or an infinity is no distribution.
  const double poison = step.rows.poison(probs, step.problem.classes);
  double loss = poison;
  for (int64_t c = 0; c < step.problem.classes; c++) {
    const double w = term.weights ? static_cast<double>(term.weights[c]) : 1;
    const double share =
        static_cast<double>(q.even) * w + (c == label ? static_cast<double>(q.label) : 0) + poison;
    if (grad) grad[c] = 0;
    if (share == 0) continue;
    const double p = cross_entropy::clamped(static_cast<double>(probs[c]), term.eps);
    loss -= share * std::log(p);
    if (grad) grad[c] = static_cast<float>(-scale * share / p);
  }
  return loss;
}

}  // namespace

double class_roi(const StepContext& step, ThreadState& thread, int64_t r) {
  const Problem& problem = step.problem;
  const ClassTerm& term = problem.cls;
  const RowPlace at{term.dtype, r * problem.classes, 1, problem.classes};
  const int32_t label = problem.labels[r];
  if (label < 0) {
    if (term.gradient) clear_row(term.grad, at);
    return 0;
  }
  const float* scores = thread.inputs.read(step.rows, term.scores, at);
  float* grad = term.gradient ? thread.grad.target(term.grad, at) : nullptr;
  const double label_weight = term.weights ? static_cast<double>(term.weights[label]) : 1;
  const auto q = cross_entropy::target(label_weight, step.plan.class_weight_sum, term.label_smoothing,
                                       static_cast<double>(problem.classes));
  const double scale = grad_scale(term, step.plan.cls, r);
  const double loss = term.probabilities
                          ? probabilities_loss(step, scores, grad, label, q, scale)
                          : step.rows.cross_entropy({scores, term.weights, grad, at.n, label, q, static_cast<float>(scale)});
  if (term.metrics) count_roi(scores, problem.classes, label, thread.counters);
  if (grad) thread.grad.commit(step.rows, term.grad, at);
  return finite_or_nan(loss);
}

double box_roi(const StepContext& step, ThreadState& thread, int64_t r) {
  const Problem& problem = step.problem;
  const BoxTerm& term = problem.box;
  const int32_t label = problem.labels[r];
  const int64_t channel = label >= 1 ? channel_of(label, term.channels, problem.classes) : -1;
  const RowPlace first{term.dtype, r * term.channels * 4, 1, 4};
  if (term.gradient) clear_stale(term.grad, term.written, term.fill, r, channel, term.channels, first);
  if (channel < 0) return 0;

  const RowPlace at{term.dtype, first.offset + channel * 4, 1, 4};
  const float* deltas = thread.inputs.read(step.rows, term.deltas, at);
  const float* targets = thread.targets.read(step.rows, term.targets, {term.target_dtype, r * 4, 1, 4});
  const float beta = static_cast<float>(term.beta);
  double loss = 0;
  for (int i = 0; i < 4; i++) loss += static_cast<double>(smooth_l1::value(deltas[i] - targets[i], beta));
  if (term.gradient) {
    const float scale = static_cast<float>(grad_scale(term, step.plan.box, r));
    float* grad = thread.grad.target(term.grad, at);
    for (int i = 0; i < 4; i++) grad[i] = scale * smooth_l1::derivative(deltas[i] - targets[i], beta);
    thread.grad.commit(step.rows, term.grad, at);
  }
  return finite_or_nan(loss);
}

double mask_roi(const StepContext& step, ThreadState& thread, int64_t p) {
  const Problem& problem = step.problem;
  const MaskTerm& term = problem.mask;
  const int64_t n = term.pixels();
  const auto channel_place = [&](int64_t channels, int64_t channel) -> RowPlace {
    return term.channels_last ? RowPlace{term.dtype, p * n * channels + channel, channels, n}
                              : RowPlace{term.dtype, (p * channels + channel) * n, 1, n};
  };
  const int32_t label = problem.mask_labels[p];
  const int64_t channel = label >= 1 ? channel_of(label, term.channels, problem.classes) : -1;
  const int64_t grad_channels = term.compact_grad ? 1 : term.channels;
  const int64_t grad_channel = channel >= 0 && term.compact_grad ? 0 : channel;
  if (term.gradient)
    clear_stale(term.grad, term.written, term.fill, p, grad_channel, grad_channels,
                channel_place(grad_channels, 0));
  if (channel < 0) return 0;

  const float* logits = thread.inputs.read(step.rows, term.logits, channel_place(term.channels, channel));
  const float* targets = thread.targets.read(step.rows, term.targets, {term.target_dtype, p * n, 1, n});
  const RowPlace at = channel_place(grad_channels, grad_channel);
  float* grad = term.gradient ? thread.grad.target(term.grad, at) : nullptr;
  const MaskFormula formula{
      term.bce_weight + term.smoothed_weight,
      smoothed_bce::merged_smoothing(term.bce_weight, term.smoothed_weight, term.smoothing), term.dice_weight,
      term.eps};
  const double loss =
      step.rows.mask(formula, {logits, targets, grad, n, grad_scale(term, step.plan.mask, p)});
  if (term.metrics) step.rows.count_pixels(logits, targets, n, thread.counters);
  if (grad) thread.grad.commit(step.rows, term.grad, at);
  return finite_or_nan(loss);
}

}  // namespace roi
