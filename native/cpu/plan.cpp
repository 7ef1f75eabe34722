#include "plan.h"

namespace roi {
namespace {

int64_t count_at_least(const int32_t* labels, int64_t n, int32_t least) {
  int64_t count = 0;
  for (int64_t r = 0; r < n; r++) count += labels[r] >= least;
  return count;
}

double weight_of_rois(const Problem& p) {
  double sum = 0;
  for (int64_t r = 0; r < p.rois; r++)
    if (p.labels[r] >= 0) sum += static_cast<double>(p.cls.weights[p.labels[r]]);
  return sum;
}

/// Nothing counted is a loss of 0, not 0/0.
Factors factors(const Term& term, double count) {
  const double divisor = term.reduction != Reduction::kMean ? 1
                         : term.normalizer > 0              ? term.normalizer
                                                            : count;
  const double loss = divisor > 0 ? term.weight / divisor : 0;
  return {loss, loss * term.grad_scale};
}

}  // namespace

Plan make_plan(const Problem& p) {
  Plan plan;
  const double rois =
      p.cls.enabled || p.box.enabled ? static_cast<double>(count_at_least(p.labels, p.rois, 0)) : 0;
  if (p.cls.enabled) {
    plan.cls = factors(p.cls, p.cls.weights ? weight_of_rois(p) : rois);
    plan.class_weight_sum = static_cast<double>(p.classes);
    if (p.cls.weights) {
      plan.class_weight_sum = 0;
      for (int64_t c = 0; c < p.classes; c++) plan.class_weight_sum += static_cast<double>(p.cls.weights[c]);
    }
  }
  if (p.box.enabled) plan.box = factors(p.box, rois);
  if (p.mask.enabled)
    plan.mask = factors(p.mask, static_cast<double>(count_at_least(p.mask_labels, p.mask_rois, 1)));
  return plan;
}

}  // namespace roi
