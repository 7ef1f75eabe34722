#pragma once

#include <initializer_list>
#include <type_traits>

#include "problem.h"

// Lists the buffers of a problem in one table, which the code that reads, binds, copies or checks them walks
// along. A new input is a field in problem.h and a line here.

namespace roi {

/// What a step does with a buffer.
enum class Use {
  kInput,     ///< read; has to be there
  kOptional,  ///< read if it is there
  kGradient,  ///< written; has to be there unless it has no elements
  kOutput,    ///< written if it is there
  kState      ///< read and written: the step before left it for this one
};

using Sizes = std::initializer_list<int64_t>;

/// Calls visit(name, pointer, dtype, sizes, use) for each buffer of the terms that are enabled: the name that
/// lib/ has for it, and references to the fields of `p` with its address and its element type, which is a
/// constant where there is no choice. `P` is Problem, or const Problem.
template <class P, class Visit>
void each_buffer(P& p, Visit visit) {
  const DType f32 = DType::kFloat32, i32 = DType::kInt32, u8 = DType::kUint8;
  const bool needs_labels = p.cls.enabled || p.box.enabled || (p.mask.enabled && !p.own_mask_labels);
  visit("labels", p.labels, i32, {p.rois}, needs_labels ? Use::kInput : Use::kOptional);
  // Of masks with labels of their own, what they are matched with comes apart, too.
  const bool own_matches = p.makes_mask_targets() && p.own_mask_labels;
  if (p.makes_box_targets() || (p.makes_mask_targets() && !own_matches)) {
    visit("proposals", p.proposals, f32, {p.rois, 4}, Use::kInput);
    visit("matches", p.matches, i32, {p.rois}, Use::kInput);
  }
  if (p.makes_box_targets()) visit("gtBoxes", p.objects.boxes, f32, {p.objects.count, 4}, Use::kInput);
  if (auto& t = p.cls; t.enabled) {
    visit("classScores", t.scores, t.dtype, {p.rois, p.classes}, Use::kInput);
    if (t.gradient) visit("classGrad", t.grad, t.dtype, {p.rois, p.classes}, Use::kGradient);
    visit("classPerRoi", t.per_roi, f32, {p.rois}, Use::kOutput);
  }
  if (auto& t = p.box; t.enabled) {
    visit("boxDeltas", t.deltas, t.dtype, {p.rois, t.channels, 4}, Use::kInput);
    if (!p.makes_box_targets()) visit("boxTargets", t.targets, t.target_dtype, {p.rois, 4}, Use::kInput);
    visit("boxTargetsOut", t.targets_out, f32, {p.rois, 4}, Use::kOutput);
    if (t.gradient) visit("boxGrad", t.grad, t.dtype, {p.rois, t.channels, 4}, Use::kGradient);
    if (t.fill == GradFill::kSparse) visit("boxWritten", t.written, i32, {p.rois}, Use::kState);
    visit("boxPerRoi", t.per_roi, f32, {p.rois}, Use::kOutput);
  }
  if (auto& t = p.mask; t.enabled) {
    const int64_t rois = p.mask_rois, grad_channels = t.compact_grad ? 1 : t.channels;
    if (p.own_mask_labels) visit("maskLabels", p.mask_labels, i32, {rois}, Use::kInput);
    visit("maskLogits", t.logits, t.dtype, {rois, t.channels, t.height, t.width}, Use::kInput);
    if (own_matches) {
      visit("maskProposals", p.mask_proposals, f32, {rois, 4}, Use::kInput);
      visit("maskMatches", p.mask_matches, i32, {rois}, Use::kInput);
    }
    auto& o = p.objects;
    if (t.source == TargetSource::kTensor)
      visit("maskTargets", t.targets, t.target_dtype, {rois, t.height, t.width}, Use::kInput);
    if (t.source == TargetSource::kBitmaps)
      visit("gtMasks", o.masks, u8, {o.count, o.image_height, o.image_width}, Use::kInput);
    if (t.source == TargetSource::kPolygons) {
      visit("polygonPoints", o.polygon_points, f32, {o.points, 2}, Use::kInput);
      visit("polygonRings", o.polygon_rings, i32, {o.rings + 1}, Use::kInput);
      visit("polygonObjects", o.polygon_objects, i32, {o.count + 1}, Use::kInput);
    }
    visit("maskTargetsOut", t.targets_out, f32, {rois, t.height, t.width}, Use::kOutput);
    if (t.gradient)
      visit("maskGrad", t.grad, t.dtype, {rois, grad_channels, t.height, t.width}, Use::kGradient);
    if (t.fill == GradFill::kSparse) visit("maskWritten", t.written, i32, {rois}, Use::kState);
    visit("maskPerRoi", t.per_roi, f32, {rois}, Use::kOutput);
  }
  // Wherever they now lie.
  if constexpr (!std::is_const_v<P>)
    if (!p.own_mask_labels) {
      p.mask_labels = p.labels;
      p.mask_proposals = p.proposals;
      p.mask_matches = p.matches;
    }
}

/// Calls visit(name, pointer, length) for what comes with a step: floats in the host's memory on every
/// device, or null.
template <class Visit>
void each_step_array(Problem& p, Visit visit) {
  visit("classWeights", p.cls.weights, p.classes);
  visit("class.backward", p.cls.upstream, p.rois);
  visit("box.backward", p.box.upstream, p.rois);
  visit("mask.backward", p.mask.upstream, p.mask_rois);
}

/// Bytes of a buffer whose sizes are known not to overflow.
inline size_t bytes_of(Sizes sizes, DType dtype) {
  int64_t elements = 1;
  for (const int64_t n : sizes) elements *= n;
  return static_cast<size_t>(elements * size_of(dtype));
}

}  // namespace roi
