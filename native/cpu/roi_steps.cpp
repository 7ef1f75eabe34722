#include "roi_steps.h"

#include "../formulas/boxes.h"
#include "../formulas/ranges.h"
#include "../formulas/smoothed_bce.h"

namespace roi {
namespace {

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

Box box_at(const float* boxes, int64_t i) {
  return {boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]};
}

/// The deltas from a RoI's proposal to its object's box.
void encode_targets(const Problem& p, int64_t r, float (&targets)[4]) {
  const auto [x, y, w, h] =
      boxes::encode(box_at(p.proposals, r), box_at(p.objects.boxes, p.matches[r]), p.box.delta_weights);
  const float deltas[] = {x, y, w, h};
  std::copy_n(deltas, 4, targets);
  if (p.box.targets_out) std::copy_n(deltas, 4, p.box.targets_out + r * 4);
}

/// The mask target of a RoI from its object's mask.
const float* make_target(const StepContext& step, CropBuffer& crops, int64_t r) {
  const MaskTerm& term = step.problem.mask;
  const Objects& objects = step.problem.objects;
  const int64_t object = step.problem.mask_matches[r];
  const Box box = box_at(step.problem.mask_proposals, r);
  float* const target = term.targets_out ? term.targets_out + r * term.pixels() : crops.target();
  if (term.source == TargetSource::kPolygons) {
    crops.draw({objects.polygon_points, objects.polygon_rings, objects.polygon_objects[object],
                objects.polygon_objects[object + 1]},
               box, term.height, term.width, target);
  } else {
    const bool is_detectron2 = term.crop == Crop::kDetectron2;
    const int64_t bits = objects.image_height * objects.image_width;
    crops.crop(step.rows, {objects.masks + object * bits, objects.image_height, objects.image_width}, box,
               term.height, term.width, is_detectron2, is_detectron2 ? 0.5f : 0.0f, target);
  }
  return target;
}

}  // namespace

double box_roi(const StepContext& step, ThreadState& thread, int64_t r) {
  static_assert(BoxLosses::kCount == 1, "computes the one without looking which was chosen");
  const Problem& problem = step.problem;
  const BoxTerm& term = problem.box;
  const int32_t label = problem.labels[r];
  const int64_t channel = label >= 1 ? channel_of(label, term.channels, problem.classes) : -1;
  const RowPlace first{term.dtype, r * term.channels * 4, 1, 4};
  if (term.gradient) clear_stale(term.grad, term.written, term.fill, r, channel, term.channels, first);
  if (channel < 0) return 0;

  const RowPlace at{term.dtype, first.offset + channel * 4, 1, 4};
  const float* deltas = thread.inputs.read(step.rows, term.deltas, at);
  float made[4];
  const float* targets = made;
  if (problem.makes_box_targets())
    encode_targets(problem, r, made);
  else
    targets = thread.targets.read(step.rows, term.targets, {term.target_dtype, r * 4, 1, 4});
  float* grad = term.gradient ? thread.grad.target(term.grad, at) : nullptr;
  const double loss = step.rows.smooth_l1(
      {deltas, targets, grad, static_cast<float>(term.kinds.of<SmoothL1>().options[SmoothL1::kBeta]),
       static_cast<float>(grad_scale(term, step.plan.box, r))});
  if (grad) thread.grad.commit(step.rows, term.grad, at);
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
  const bool is_made = problem.makes_mask_targets();
  const float* targets = is_made
                             ? make_target(step, thread.crops, p)
                             : thread.targets.read(step.rows, term.targets, {term.target_dtype, p * n, 1, n});
  const RowPlace at = channel_place(grad_channels, grad_channel);
  float* grad = term.gradient ? thread.grad.target(term.grad, at) : nullptr;
  const auto [loss, suspect] =
      step.rows.mask(step.mask, {logits, targets, grad, n, grad_scale(term, step.plan.mask, p)});
  if (suspect && !is_made)
    find_bad(CheckedInput::kMaskTargets, targets, n, p * n, problem.classes, ranges::is_bad_target,
             thread.bad_input);
  if (term.metrics) step.rows.count_pixels(logits, targets, n, thread.counters);
  if (grad) thread.grad.commit(step.rows, term.grad, at);
  return finite_or_nan(loss);
}

}  // namespace roi
