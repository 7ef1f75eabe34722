#include "ground_truth.h"

#include <cmath>

namespace roi {
namespace {

/// Offsets ascend from 0 to `end`, by `least` or more.
std::optional<BadInput> find_bad_offset(CheckedInput input, const int32_t* offsets, int64_t n, int64_t end,
                                        int64_t least) {
  const auto bad = [&](int64_t i) { return BadInput{input, i, static_cast<double>(offsets[i]), end + 1}; };
  if (offsets[0] != 0) return bad(0);
  for (int64_t i = 1; i <= n; i++)
    if (offsets[i] - int64_t{offsets[i - 1]} < least || offsets[i] > end) return bad(i);
  if (offsets[n] != end) return bad(n);
  return std::nullopt;
}

std::optional<BadInput> find_bad_polygon(const Objects& o) {
  constexpr int64_t kLeastPoints = 3;
  auto bad = find_bad_offset(CheckedInput::kPolygonRings, o.polygon_rings, o.rings, o.points, kLeastPoints);
  if (!bad) bad = find_bad_offset(CheckedInput::kPolygonObjects, o.polygon_objects, o.count, o.rings, 1);
  for (int64_t i = 0; !bad && i < 2 * o.points; i++)
    if (!std::isfinite(o.polygon_points[i]))
      bad = BadInput{CheckedInput::kPolygonPoints, i, static_cast<double>(o.polygon_points[i]), 0};
  return bad;
}

std::optional<BadInput> find_bad_match(CheckedInput input, const int32_t* labels, const int32_t* matches,
                                       int64_t n, int64_t objects) {
  for (int64_t r = 0; r < n; r++)
    if (labels[r] >= 1 && (matches[r] < 0 || matches[r] >= objects))
      return BadInput{input, r, static_cast<double>(matches[r]), objects};
  return std::nullopt;
}

/// A coordinate that is not finite, or the far one of a side below 0.
std::optional<BadInput> find_bad_proposal(CheckedInput input, const int32_t* labels, const float* proposals,
                                          int64_t n) {
  for (int64_t r = 0; r < n; r++) {
    if (labels[r] < 1) continue;
    const float* const box = proposals + r * 4;
    for (int64_t i = 0; i < 4; i++)
      if (!std::isfinite(box[i]) || (i >= 2 && box[i] < box[i - 2]))
        return BadInput{input, r * 4 + i, static_cast<double>(box[i]), 0};
  }
  return std::nullopt;
}

}  // namespace

std::optional<BadInput> find_bad_object(const Problem& p) {
  std::optional<BadInput> bad;
  if (p.makes_mask_targets() && p.mask.source == TargetSource::kPolygons) bad = find_bad_polygon(p.objects);
  const bool of_masks_alone = p.makes_mask_targets() && p.own_mask_labels;
  if (!bad && (p.makes_box_targets() || !of_masks_alone)) {
    bad = find_bad_match(CheckedInput::kMatches, p.labels, p.matches, p.rois, p.objects.count);
    if (!bad) bad = find_bad_proposal(CheckedInput::kProposals, p.labels, p.proposals, p.rois);
  }
  if (!bad && of_masks_alone) {
    bad = find_bad_match(CheckedInput::kMaskMatches, p.mask_labels, p.mask_matches, p.mask_rois,
                         p.objects.count);
    if (!bad)
      bad = find_bad_proposal(CheckedInput::kMaskProposals, p.mask_labels, p.mask_proposals, p.mask_rois);
  }
  return bad;
}

}  // namespace roi
