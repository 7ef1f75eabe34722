#include "../formulas/ranges.h"
#include "roi_steps.h"

namespace roi {
namespace {

/// The class with the highest score; of several the first, background after all others, as detectron2 has it.
int64_t predicted_class(const float* scores, int64_t classes) {
  if (classes == 1) return 0;
  int64_t best = 1;
  for (int64_t c = 2; c < classes; c++)
    if (scores[c] > scores[best]) best = c;
  return scores[0] > scores[best] ? 0 : best;
}

void count_roi(const float* scores, int64_t classes, int32_t label, double* counters) {
  const int64_t predicted = predicted_class(scores, classes);
  const bool right = predicted == label, foreground = label >= 1;
  counters[kRois] += 1;
  counters[kRoisRight] += right;
  counters[kForeground] += foreground;
  counters[kForegroundRight] += foreground && right;
  counters[kForegroundMissed] += foreground && predicted == 0;
}

double probabilities_loss(const StepContext& step, ThreadState& thread, const ClassRow& row, int64_t r) {
  // Only p_u enters the formula, but a row with a NaN or an infinity is no distribution.
  const auto look = step.rows.look_at_probabilities(row.scores, row.n);
  if (look.suspect)
    find_bad(CheckedInput::kClassProbs, row.scores, row.n, r * row.n, row.n, ranges::is_bad_probability,
             thread.bad_input);
  const auto poison = static_cast<double>(look.poison);
  double loss = poison;
  for (int64_t c = 0; c < row.n; c++) {
    const double w = row.weights ? static_cast<double>(row.weights[c]) : 1;
    const double share = cross_entropy::share(row.target, c == row.label, w) + poison;
    if (row.grad) row.grad[c] = 0;
    if (share == 0) continue;
    const double p = cross_entropy::clamped(static_cast<double>(row.scores[c]),
                                            step.problem.cls.kinds.of<Softmax>().options[Softmax::kEps]);
    loss += cross_entropy::probability_value(share, p);
    if (row.grad)
      row.grad[c] = static_cast<float>(static_cast<double>(row.scale) *
                                       cross_entropy::probability_derivative(share, p));
  }
  return loss;
}

}  // namespace

void class_rois(const StepContext& step, ThreadState& thread, int64_t begin, int64_t end, double* losses) {
  static_assert(ClassLosses::kCount == 1, "computes the one without looking which was chosen");
  const Problem& problem = step.problem;
  const ClassTerm& term = problem.cls;
  const auto place = [&](int64_t r) { return RowPlace{term.dtype, r * problem.classes, 1, problem.classes}; };
  ClassRow rows[kClassBlock];
  int64_t rois[kClassBlock];
  int64_t count = 0;
  for (int64_t r = begin; r < end; r++) {
    const int32_t label = problem.labels[r];
    if (label < 0) {
      if (term.gradient) clear_row(term.grad, place(r));
      losses[r] = 0;
      continue;
    }
    const auto slot = static_cast<size_t>(count);
    const double label_weight = term.weights ? static_cast<double>(term.weights[label]) : 1;
    rois[slot] = r;
    rows[slot] = {thread.block_scores[slot].read(step.rows, term.scores, place(r)),
                  term.weights,
                  term.gradient ? thread.block_grads[slot].target(term.grad, place(r)) : nullptr,
                  problem.classes,
                  label,
                  cross_entropy::target(label_weight, step.plan.class_weight_sum,
                                        term.kinds.of<Softmax>().options[Softmax::kLabelSmoothing],
                                        static_cast<double>(problem.classes)),
                  static_cast<float>(grad_scale(term, step.plan.cls, r)),
                  0};
    count++;
  }
  if (term.probabilities)
    for (int64_t i = 0; i < count; i++) rows[i].loss = probabilities_loss(step, thread, rows[i], rois[i]);
  else
    step.rows.cross_entropy(rows, count);
  for (int64_t i = 0; i < count; i++) {
    losses[rois[i]] = finite_or_nan(rows[i].loss);
    if (term.metrics) count_roi(rows[i].scores, problem.classes, rows[i].label, thread.counters);
    if (term.gradient)
      thread.block_grads[static_cast<size_t>(i)].commit(step.rows, term.grad, place(rois[i]));
  }
}

}  // namespace roi
