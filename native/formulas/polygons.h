#pragma once

#include <cstdint>

#include "portable.h"

// Polygons drawn on pixels as COCO's tools draw them: outlines are lines on a grid five times as fine, with a
// point for each step along their longer side. Where an outline passes from column 5x + 2 of that grid to the
// next, it crosses column x of the pixels: below, inside and outside change places. Only these crossings are
// computed, so a line costs no more than the columns of pixels, however long it is.

namespace roi::polygons {

/// A point of the fine grid.
struct Point {
  int64_t u, v;
};

constexpr double kFine = 5;
/// Coordinates beyond it are taken for it, and a NaN for its opposite.
constexpr double kFarthest = 0x1p40;

/// Towards 0, below 0 too, as in the peer.
ROI_FORMULA int64_t rounded(double x) {
  x += 0.5;
  return static_cast<int64_t>(!(x > -kFarthest) ? -kFarthest : x > kFarthest ? kFarthest : x);
}

/// One axis of the map from a box of the image to pixels.
struct Placement {
  double from, ratio;
};

/// From `from` to `to` on `pixels` pixels.
ROI_FORMULA Placement placement(float from, float to, int64_t pixels) {
  const double side = static_cast<double>(to - from);
  return {static_cast<double>(from), static_cast<double>(pixels) / (side > 0.1 ? side : 0.1)};
}

/// An image's coordinate on the fine grid.
ROI_FORMULA int64_t place(const Placement& at, float x) {
  return rounded(kFine * ((static_cast<double>(x) - at.from) * at.ratio));
}

/// The line from one point of the outline to the next, from its lower end on along its longer side: step t is
/// (u, v) = (low + t, across(t)) if it is flat, else (across(t), low + t).
struct Line {
  bool flat;
  int64_t low, steps;
  double from, slope;

  ROI_FORMULA int64_t across(int64_t t) const { return rounded(from + slope * static_cast<double>(t)); }
};

ROI_FORMULA Line line(Point a, Point b) {
  const int64_t du = b.u > a.u ? b.u - a.u : a.u - b.u, dv = b.v > a.v ? b.v - a.v : a.v - b.v;
  const bool flat = du >= dv;
  if (flat ? a.u > b.u : a.v > b.v) {
    const Point swapped = a;
    a = b;
    b = swapped;
  }
  const int64_t steps = flat ? du : dv;
  const auto rise = static_cast<double>(flat ? b.v - a.v : b.u - a.u);
  return {flat, flat ? a.u : a.v, steps, static_cast<double>(flat ? a.v : a.u),
          steps ? rise / static_cast<double>(steps) : 0};
}

/// The first row of pixels below a crossing whose upper point is `v`, in [0, height].
ROI_FORMULA int64_t row_below(int64_t v, int64_t height) {
  const double y = (static_cast<double>(v) + 0.5) / kFine - 0.5;
  return y < 0 ? 0 : y > static_cast<double>(height) ? height : static_cast<int64_t>(ceil(y));
}

/// Between which steps, t and t + 1, a steep line passes from column u of the fine grid to u + 1, or back.
ROI_FORMULA int64_t step_across(const Line& l, int64_t u) {
  // Near the quotient, and exactly by the rounding of `across`.
  const double guess = (static_cast<double>(u) + 0.5 - l.from) / l.slope;
  int64_t t = guess < 0 ? 0 : guess > static_cast<double>(l.steps) ? l.steps : static_cast<int64_t>(guess);
  const bool ascends = l.slope > 0;
  const auto is_before = [&](int64_t step) { return ascends ? l.across(step) <= u : l.across(step) > u; };
  while (t > 0 && !is_before(t)) t--;
  while (t + 1 <= l.steps && is_before(t + 1)) t++;
  return t;
}

/// Calls visit(x, y) for each column x of pixels, below `width`, that the line crosses: from row y on inside
/// and outside change places.
template <class Visit>
ROI_FORMULA void for_each_crossing(const Line& l, int64_t width, int64_t height, const Visit& visit) {
  const int64_t first = l.flat ? l.low : l.across(0), last = l.flat ? l.low + l.steps : l.across(l.steps);
  const int64_t least = first < last ? first : last, most = first < last ? last : first;
  // The columns x with least ≤ 5x + 2 and 5x + 3 ≤ most.
  const int64_t begin = least <= 2 ? 0 : (least + 2) / 5;
  for (int64_t x = begin; x < width && 5 * x + 3 <= most; x++) {
    const int64_t u = 5 * x + 2;
    if (l.flat) {
      const int64_t here = l.across(u - l.low), next = l.across(u + 1 - l.low);
      visit(x, row_below(here < next ? here : next, height));
    } else {
      visit(x, row_below(l.low + step_across(l, u), height));
    }
  }
}

}  // namespace roi::polygons
