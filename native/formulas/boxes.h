#pragma once

#include "portable.h"

// Boxes (x1, y1, x2, y2) in pixels, and the deltas (x, y, w, h) that turn one into another. Encoding and
// decoding: Girshick et al., Rich feature hierarchies, 2014, appendix C, with the weights and the clamp of
// Detectron; the order of operations is that of torchvision's BoxCoder. Areas and IoU are those of
// torchvision.ops.box_iou to the bit, as long as each operation is rounded by itself: whoever relies on
// that compiles without contraction of products and sums.

namespace roi::boxes {

template <class F>
struct Box {
  F x1, y1, x2, y2;
};

template <class F>
struct Deltas {
  F x, y, w, h;
};

/// What deltas are multiplied by; `deltaWeights` in the API.
struct DeltaWeights {
  float x = 10, y = 10, w = 5, h = 5;
};

/// log(1000/16): decoding takes no logarithm of a ratio of sides for more, so that its exponential stays
/// finite.
constexpr float kMostLogRatio = 4.135166556742356f;

/// Negative where one side is.
template <class F>
ROI_FORMULA F area(const Box<F>& a) {
  return exact_product(a.x2 - a.x1, a.y2 - a.y1);
}

/// A NaN where a difference of coordinates is one.
template <class F>
ROI_FORMULA F intersection(const Box<F>& a, const Box<F>& b) {
  const F w = smaller_of(a.x2, b.x2) - larger_of(a.x1, b.x1);
  const F h = smaller_of(a.y2, b.y2) - larger_of(a.y1, b.y1);
  // Of a number and a NaN `larger_of` gives the second.
  return exact_product(larger_of(F(0.0f), w), larger_of(F(0.0f), h));
}

/// From the areas; a NaN where both are 0, and where a coordinate is one.
template <class F>
ROI_FORMULA F iou(F intersection, F area_a, F area_b) {
  return exact_quotient(intersection, area_a + area_b - intersection);
}

/// The deltas from `proposal` to `box`. Not finite where a proposal has no area.
template <class F>
ROI_FORMULA Deltas<F> encode(const Box<F>& proposal, const Box<F>& box, const DeltaWeights& weights) {
  const F half(0.5f);
  const F w = proposal.x2 - proposal.x1, h = proposal.y2 - proposal.y1;
  const F x = proposal.x1 + half * w, y = proposal.y1 + half * h;
  const F box_w = box.x2 - box.x1, box_h = box.y2 - box.y1;
  const F box_x = box.x1 + half * box_w, box_y = box.y1 + half * box_h;
  return {F(weights.x) * (box_x - x) / w, F(weights.y) * (box_y - y) / h, F(weights.w) * logarithm(box_w / w),
          F(weights.h) * logarithm(box_h / h)};
}

/// The box that `deltas` make of `proposal`.
template <class F>
ROI_FORMULA Box<F> decode(const Box<F>& proposal, const Deltas<F>& deltas, const DeltaWeights& weights) {
  const F half(0.5f), most(kMostLogRatio);
  const F w = proposal.x2 - proposal.x1, h = proposal.y2 - proposal.y1;
  // Of a number and a NaN `smaller_of` gives the second.
  const F box_w = exponential(smaller_of(most, deltas.w / F(weights.w))) * w;
  const F box_h = exponential(smaller_of(most, deltas.h / F(weights.h))) * h;
  const F x = deltas.x / F(weights.x) * w + (proposal.x1 + half * w);
  const F y = deltas.y / F(weights.y) * h + (proposal.y1 + half * h);
  return {x - half * box_w, y - half * box_h, x + half * box_w, y + half * box_h};
}

/// The part of a box that lies in an image.
template <class F>
ROI_FORMULA Box<F> clip(const Box<F>& box, F width, F height) {
  const F zero(0.0f);
  const auto within = [&](F x, F most) { return smaller_of(most, larger_of(zero, x)); };
  return {within(box.x1, width), within(box.y1, height), within(box.x2, width), within(box.y2, height)};
}

}  // namespace roi::boxes
