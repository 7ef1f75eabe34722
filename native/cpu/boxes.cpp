#include "boxes.h"

#include <limits>

#include "../formulas/boxes.h"
#include "simd.h"

namespace roi::ROI_SIMD {

// For the formulas.
ROI_INLINE Floats smaller_of(Floats a, Floats b) { return min(a, b); }
ROI_INLINE Floats larger_of(Floats a, Floats b) { return max(a, b); }

namespace {

using boxes::Box;

ROI_INLINE IntLanes load(const int32_t* p) {
  IntLanes x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
ROI_INLINE void store(int32_t* p, IntLanes x) { std::memcpy(p, &x, sizeof x); }
ROI_INLINE IntLanes everywhere(int32_t x) { return IntLanes{} + x; }

ROI_INLINE Box<Floats> box_at(const BoxColumns& b, int64_t i) {
  constexpr AllLanes kAll;
  return {load(b.x1 + i, kAll), load(b.y1 + i, kAll), load(b.x2 + i, kAll), load(b.y2 + i, kAll)};
}
/// The same box in all lanes.
ROI_INLINE Box<Floats> spread(const BoxColumns& b, int64_t i) {
  return {Floats(b.x1[i]), Floats(b.y1[i]), Floats(b.x2[i]), Floats(b.y2[i])};
}

struct Tile {
  alignas(64) float x1[kTile], y1[kTile], x2[kTile], y2[kTile], area[kTile];
  float best[kTile];       ///< the largest IoU, or the first NaN
  int32_t match[kTile];    ///< the first object that has it
  int32_t is_best[kTile];  ///< −1: has the largest IoU of some object
  int32_t in_crowd[kTile];
  float left, top, right, bottom;  ///< of all boxes
  bool is_plain;                   ///< all areas are finite, and not negative

  BoxColumns columns() { return {x1, y1, x2, y2, area}; }
};

template <class Visit>
ROI_INLINE void for_each_vector_of_tile(Visit visit) {
  for (int64_t i = 0; i < kTile; i += kLanes) visit(i);
}

/// Behind the last box that one is repeated: it changes neither bounds nor maxima.
void read_boxes(Tile& tile, const float* box, int64_t count) {
  for (int64_t i = 0; i < kTile; i++) {
    const float* from = box + 4 * (i < count ? i : count - 1);
    tile.x1[i] = from[0], tile.y1[i] = from[1], tile.x2[i] = from[2], tile.y2[i] = from[3];
  }
  const Box<Floats> first = box_at(tile.columns(), 0);
  Floats left = first.x1, top = first.y1, right = first.x2, bottom = first.y2;
  Mask plain{everywhere(-1)};
  for_each_vector_of_tile([&](int64_t i) {
    const Box<Floats> b = box_at(tile.columns(), i);
    const Floats area = boxes::area(b);
    store(tile.area + i, area, AllLanes{});
    plain = plain & (area >= Floats(0.0f)) & (area < Floats(std::numeric_limits<float>::infinity()));
    left = min(left, b.x1), top = min(top, b.y1), right = max(right, b.x2), bottom = max(bottom, b.y2);
  });
  tile.is_plain = !any(~plain);
  const auto least = [](Floats x) { return fold_lanes(x, [](Floats a, Floats b) { return min(a, b); }); };
  tile.left = least(left), tile.top = least(top);
  tile.right = max_of_lanes(right), tile.bottom = max_of_lanes(bottom);
}

/// The objects that may meet a box of the tile, in their order. Those and boxes whose area is odd meet all,
/// because their IoU may be a NaN.
int64_t find_candidates(const Tile& tile, const ObjectColumns& objects, int32_t* candidates) {
  if (!tile.is_plain) {
    for (int64_t g = 0; g < objects.count; g++) candidates[g] = static_cast<int32_t>(g);
    return objects.count;
  }
  const Floats left(tile.left), top(tile.top), right(tile.right), bottom(tile.bottom);
  int64_t count = 0;
  for (int64_t g = 0; g < objects.count; g += kLanes) {
    const Box<Floats> b = box_at(objects, g);
    const Mask far = ~((b.x1 < right) & (b.x2 > left) & (b.y1 < bottom) & (b.y2 > top));
    const Mask near = ~(far & ~Mask{load(objects.is_odd + g)});
    if (!any(near)) continue;
    for (int lane = 0; lane < kLanes; lane++) {
      candidates[count] = static_cast<int32_t>(g + lane);
      count -= near.v[lane];
    }
  }
  return count;
}

/// Calls visit(i, intersection, area of the box) for the vectors of the tile that meet `object`; `kPlain`:
/// where neither has an odd area, so that all others' IoU is 0.
template <bool kPlain, class Visit>
ROI_INLINE void for_each_overlap(Tile& tile, const BoxColumns& objects, int64_t object, Visit visit) {
  const Box<Floats> one = spread(objects, object);
  for_each_vector_of_tile([&](int64_t i) {
    const Floats common = intersection(one, box_at(tile.columns(), i));
    if (kPlain && !any(common > Floats(0.0f))) return;
    visit(i, common, load(tile.area + i, AllLanes{}));
  });
}

/// Takes the object where its IoU is above the best so far. Its own largest IoU goes to `most`, if not null.
template <bool kPlain>
void search(Tile& tile, const ObjectColumns& objects, int64_t object, float* most) {
  const Floats area(objects.area[object]);
  const IntLanes index = everywhere(objects.index[object]);
  Floats largest(0.0f);
  Mask numbers{everywhere(-1)};
  for_each_overlap<kPlain>(tile, objects, object, [&](int64_t i, Floats common, Floats box_area) {
    const Floats overlap = boxes::iou(common, area, box_area);
    const Floats best = load(tile.best + i, AllLanes{});
    Mask better = overlap > best;
    if (!kPlain) {
      better = ~(best >= overlap) & (best >= best);
      numbers = numbers & (overlap >= overlap);
    }
    store(tile.best + i, select(better, overlap, best), AllLanes{});
    store(tile.match + i, better.v ? index : load(tile.match + i));
    largest = max(largest, overlap);
  });
  if (!most) return;
  const float of_tile = max_of_lanes(largest);
  if (!kPlain && any(~numbers))
    *most = std::numeric_limits<float>::quiet_NaN();
  else if (of_tile > *most)  // never where it is a NaN
    *most = of_tile;
}

template <bool kPlain>
void mark_best(Tile& tile, const ObjectColumns& objects, int64_t object, Floats most) {
  const Floats area(objects.area[object]);
  for_each_overlap<kPlain>(tile, objects, object, [&](int64_t i, Floats common, Floats box_area) {
    const Floats overlap = boxes::iou(common, area, box_area);
    const Mask equal = (overlap >= most) & (most >= overlap);
    store(tile.is_best + i, load(tile.is_best + i) | equal.v);
  });
}

void mark_crowded(Tile& tile, const ObjectColumns& crowds, int64_t crowd, Floats threshold) {
  for_each_overlap<true>(tile, crowds, crowd, [&](int64_t i, Floats common, Floats box_area) {
    const Mask within = exact_quotient(common, box_area) > threshold;
    store(tile.in_crowd + i, load(tile.in_crowd + i) | within.v);
  });
}

/// What torchvision's Matcher gives, and the labels after it.
void settle(const Tile& tile, const MatchPass& pass, int64_t begin, int64_t count) {
  const MatchProblem& p = *pass.problem;
  for (int64_t i = 0; i < count; i++) {
    const float best = tile.best[i];
    int32_t match = tile.match[i];
    if (match >= 0 && !tile.is_best[i] && !pass.all_are_best)
      match = best < p.background ? kBelow : best < p.foreground ? kBetween : match;
    if (tile.in_crowd[i]) match = kBetween;
    p.overlaps[begin + i] = best;
    p.matches[begin + i] = match;
    p.labels[begin + i] = match >= 0        ? (p.classes ? p.classes[match] : 1)
                          : match == kBelow ? 0
                                            : kIgnoredLabel;
  }
}

void match_tile(Tile& tile, const MatchPass& pass, int64_t begin, int64_t count) {
  const MatchProblem& p = *pass.problem;
  const ObjectColumns &objects = *pass.objects, &crowds = *pass.crowds;
  read_boxes(tile, p.box + 4 * begin, count);
  // Where no object meets a box, its IoU is 0 with all, and the first of them comes first.
  const int32_t first = objects.count ? objects.index[0] : kBelow;
  for_each_vector_of_tile([&](int64_t i) {
    store(tile.best + i, Floats(0.0f), AllLanes{});
    store(tile.match + i, everywhere(first));
    store(tile.is_best + i, everywhere(0));
    store(tile.in_crowd + i, everywhere(0));
  });
  const int64_t candidates = find_candidates(tile, objects, pass.candidates);
  if (pass.kind == MatchPass::kSettle) {
    for (int64_t i = 0; i < count; i++) {
      tile.best[i] = p.overlaps[begin + i];
      tile.match[i] = p.matches[begin + i];
    }
    for (int64_t c = 0; c < candidates && !pass.all_are_best; c++) {
      const int64_t g = pass.candidates[c];
      const bool plain = tile.is_plain && !objects.is_odd[g];
      (plain ? mark_best<true> : mark_best<false>)(tile, objects, g, Floats(pass.most[g]));
    }
  } else {
    for (int64_t c = 0; c < candidates; c++) {
      const int64_t g = pass.candidates[c];
      const bool plain = tile.is_plain && !objects.is_odd[g];
      (plain ? search<true> : search<false>)(tile, objects, g, pass.most ? pass.most + g : nullptr);
    }
    if (pass.kind == MatchPass::kSearch) {
      for (int64_t i = 0; i < count; i++) {
        p.overlaps[begin + i] = tile.best[i];
        p.matches[begin + i] = tile.match[i];
      }
      return;
    }
  }
  const int64_t crowded = find_candidates(tile, crowds, pass.candidates);
  for (int64_t c = 0; c < crowded; c++) mark_crowded(tile, crowds, pass.candidates[c], Floats(p.foreground));
  settle(tile, pass, begin, count);
}

void match(const MatchPass& pass) {
  Tile tile;
  for (int64_t begin = pass.begin; begin < pass.end; begin += kTile)
    match_tile(tile, pass, begin, pass.end - begin < kTile ? pass.end - begin : kTile);
}

void suppress(const BoxColumns& boxes, int64_t kept, int64_t begin, int64_t end, float threshold,
              int32_t* suppressed) {
  const Box<Floats> one = spread(boxes, kept);
  const Floats area(boxes.area[kept]), most(threshold);
  for (int64_t i = begin; i < end; i += kLanes) {
    const Floats overlap =
        boxes::iou(intersection(one, box_at(boxes, i)), area, load(boxes.area + i, AllLanes{}));
    store(suppressed + i, load(suppressed + i) | (overlap > most).v);
  }
}

}  // namespace

extern const BoxKernels kBoxKernels;
const BoxKernels kBoxKernels = {match, suppress};

}  // namespace roi::ROI_SIMD
