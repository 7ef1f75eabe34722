#pragma once

#include <cstdint>

#include "portable.h"

// RoIAlign along one axis of an image: a box's side is cut into bins, and a bin takes the mean of samples
// that lie at most a pixel apart, each between the centres of two pixels. Rows and columns are independent,
// so the weight of a pixel is the product of its weights on both axes. He et al., Mask R-CNN, 2017,
// section 3.
//
// Positions are computed in float32, in the order of torchvision's roi_align: far from 0 their rounding moves
// a sample by more than results may differ. Sources that use this compile without contraction of products and
// sums.

namespace roi::roi_align {

struct Axis {
  float start, bin;
  int64_t samples;  ///< in a bin
  int64_t pixels;   ///< of the image
};

/// More samples than this in a bin are spread so wide that hardly one meets the image.
constexpr float kMostSamples = 0x1p30f;

/// The side of a box from `from` to `to`. `aligned` shifts by half a pixel, so that integers are edges of
/// pixels; without it a side is at least 1.
ROI_FORMULA Axis axis(float from, float to, int64_t bins, int64_t pixels, bool aligned) {
  const float offset = aligned ? 0.5f : 0.0f;
  const float start = from - offset, side = to - offset - start;
  const float bin = exact_quotient(aligned ? side : larger_of(side, 1.0f), static_cast<float>(bins));
  return {start, bin, static_cast<int64_t>(smaller_of(ceilf(bin), kMostSamples)), pixels};
}

/// Where bin p begins, and how far behind that its sample i lies.
ROI_FORMULA float begin_of(const Axis& a, int64_t p) {
  return a.start + exact_product(static_cast<float>(p), a.bin);
}
ROI_FORMULA float offset_of(const Axis& a, int64_t i) {
  const float middle = exact_product(static_cast<float>(i) + 0.5f, a.bin);
  return exact_quotient(middle, static_cast<float>(a.samples));
}

ROI_FORMULA float position(const Axis& a, int64_t p, int64_t i) { return begin_of(a, p) + offset_of(a, i); }

/// Whether all samples are such that they count, from −1 to `pixels`. Positions ascend with i and with p.
ROI_FORMULA bool is_inside(const Axis& a, int64_t bins) {
  return position(a, 0, 0) >= -1 && position(a, bins - 1, a.samples - 1) <= static_cast<float>(a.pixels);
}

/// The first sample of bin p at or behind `bound`, or `samples`.
ROI_FORMULA int64_t first_at(const Axis& a, int64_t p, float bound) {
  int64_t low = 0, high = a.samples;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (position(a, p, middle) < bound)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// What a sample takes: of pixel `low` and of the one behind it.
struct Sample {
  int64_t low;
  float of_low, of_high;
};

/// For a position from −1 to `pixels`. Beyond the outermost centres it takes the outermost pixel alone.
ROI_FORMULA Sample sample(float at, int64_t pixels) {
  if (at <= 0) return {0, 1, 0};
  const auto low = static_cast<int64_t>(at);
  if (low >= pixels - 1) return {pixels - 1, 1, 0};
  const float of_high = at - static_cast<float>(low);
  return {low, 1 - of_high, of_high};
}

}  // namespace roi::roi_align
