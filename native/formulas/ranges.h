#pragma once

#include <cstdint>

#include "portable.h"

// Which mask targets and probabilities are refused. NaN and infinity are not: as anywhere, they make the loss
// NaN.

namespace roi::ranges {

/// What rounding may put a value out of its range by. Targets come of interpolation between 0 and 1,
/// probabilities of a softmax in as few digits as bfloat16 has.
constexpr float kTargetSlack = 1e-6f, kProbabilitySlack = 1e-3f;
constexpr float kLargestFloat = 3.40282347e38f;

/// Outside [0, 1] by more than kTargetSlack.
ROI_FORMULA bool is_bad_target(float y) {
  return (y < -kTargetSlack && y >= -kLargestFloat) || (y > 1.0f + kTargetSlack && y <= kLargestFloat);
}

/// What one comparison tells of a target's bits: those of negative numbers and NaN are above those of 1. A
/// bad target is suspect; so are −0 and NaN, which a closer look lets pass.
ROI_FORMULA bool is_suspect_target(uint32_t bits) { return bits > 0x3f800008u; }  // 1 + kTargetSlack

/// Below 0, or above 1 by more than kProbabilitySlack.
ROI_FORMULA bool is_bad_probability(float p) {
  return (p < 0.0f && p >= -kLargestFloat) || (p > 1.0f + kProbabilitySlack && p <= kLargestFloat);
}

}  // namespace roi::ranges
