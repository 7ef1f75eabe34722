#include "mask_kinds.h"

#include "math.h"
#include "tiles.h"

// The general loop over a RoI's pixels, for any kind of mask loss: a pass for its sums, and one for its
// gradient that reads the logits again, which lie in the first-level cache, and computes each pixel again.
// Of several kinds each takes its turn.

namespace roi::ROI_SIMD {
namespace {

/// The first pass: a kind's sums. Returns whether a target is suspect.
template <class K>
bool add_pixels(const MaskRow row, const Values<float, kOptionsOf<K>> options,
                Values<double, K::kSums>& sums) {
  bool suspect = false;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Values<Floats, K::kSums> of_tile;
    for (int s = 0; s < K::kSums; s++) of_tile[s] = Floats(0.0f);
    UnitWatch targets;
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Floats z = load(row.logits + i, lanes), y = load(row.targets + i, lanes);
      see(targets, y);
      auto of_pixel = K::add(pixel(z, y), y, options);
      // σ(±∞) is finite: z·0 makes an infinite logit a NaN whatever the kind makes of it.
      of_pixel[0] = of_pixel[0] + z * Floats(0.0f);
      for (int s = 0; s < K::kSums; s++) of_tile[s] += keep(of_pixel[s], lanes);
    });
    suspect |= targets.saw_other();
    for (int s = 0; s < K::kSums; s++) sums[s] += static_cast<double>(sum_of_lanes(of_tile[s]));
  });
  return suspect;
}

/// The second: adds a kind's gradient to that of the kinds before it.
template <class K>
void add_gradient(const MaskRow row, const typename K::Slope slope, bool is_first) {
  for_each_vector(0, row.n, [&](int64_t i, auto lanes) {
    const Floats z = load(row.logits + i, lanes), y = load(row.targets + i, lanes);
    const Floats own = K::derivative(slope, pixel(z, y), y);
    store(row.grad + i, is_first ? own : load(row.grad + i, lanes) + own, lanes);
  });
}

}  // namespace

MaskLoss mask_loss_of_kinds(const MaskFormula& f, const MaskRow& row) {
  MaskLoss result{0, false};
  const auto pixels = static_cast<double>(row.n);
  bool is_first = true;
  MaskLosses::each([&](auto kind) {
    using K = decltype(kind);
    const auto& [weight, options] = f.kinds.of<K>();
    if (weight == 0) return;
    Values<float, kOptionsOf<K>> rounded{};
    for (int i = 0; i < kOptionsOf<K>; i++) rounded[i] = static_cast<float>(options[i]);
    Values<double, K::kSums> sums{};
    result.suspect |= add_pixels<K>(row, rounded, sums);
    result.loss += weight * K::value(sums, pixels, options);
    if (row.grad) add_gradient<K>(row, K::slope(sums, pixels, options, weight * row.scale), is_first);
    is_first = false;
  });
  return result;
}

}  // namespace roi::ROI_SIMD
