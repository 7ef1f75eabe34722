#include "labels.h"

#include "ground_truth.h"

namespace roi {
namespace {

std::optional<BadInput> find_bad(CheckedInput input, const int32_t* labels, int64_t n, int64_t classes) {
  for (int64_t i = 0; i < n; i++)
    if (labels[i] < -1 || labels[i] >= classes)
      return BadInput{input, i, static_cast<double>(labels[i]), classes};
  return std::nullopt;
}

}  // namespace

std::optional<BadInput> find_bad_input(const Problem& p) {
  std::optional<BadInput> bad;
  if (p.labels) bad = find_bad(CheckedInput::kLabels, p.labels, p.rois, p.classes);
  if (!bad && p.mask.enabled && p.own_mask_labels)
    bad = find_bad(CheckedInput::kMaskLabels, p.mask_labels, p.mask_rois, p.classes);
  if (!bad && p.makes_targets()) bad = find_bad_object(p);
  return bad;
}

}  // namespace roi
