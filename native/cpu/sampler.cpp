#include "sampler.h"

#include <algorithm>
#include <cmath>

#include "../formulas/philox.h"

namespace roi {
namespace {

/// Appends `count` of the `all` RoIs whose label is of the kind.
template <class IsKind>
void take(const SampleProblem& p, int64_t count, int64_t all, IsKind is_kind, std::vector<int32_t>& taken) {
  if (count == all) {
    for (int64_t r = 0; r < p.rois; r++)
      if (is_kind(p.labels[r])) taken.push_back(static_cast<int32_t>(r));
    return;
  }
  // A RoI's word, and below it its index. Only words below a bound are looked at, which leaves out too many
  // by a chance of less than one in a million; the bound rises then.
  std::vector<uint64_t> candidates;
  const double wanted = static_cast<double>(count) + 6 * std::sqrt(static_cast<double>(count)) + 16;
  for (double share = wanted / static_cast<double>(all);; share *= 2) {
    candidates.clear();
    const auto bound = static_cast<uint64_t>(std::min(share, 1.0) * 0x1p32);
    for (int64_t begin = 0; begin < p.rois; begin += 4) {
      const int64_t end = std::min(begin + 4, p.rois);
      if (std::none_of(p.labels + begin, p.labels + end, is_kind)) continue;
      const philox::Words words = philox::of_block(static_cast<uint64_t>(begin / 4), p.seed);
      for (int64_t r = begin; r < end; r++) {
        const uint64_t word = words.x[r - begin];
        if (word < bound && is_kind(p.labels[r])) candidates.push_back(word << 32 | static_cast<uint64_t>(r));
      }
    }
    if (static_cast<int64_t>(candidates.size()) >= count) break;
  }
  std::nth_element(candidates.begin(), candidates.begin() + count, candidates.end());
  for (int64_t i = 0; i < count; i++)
    taken.push_back(static_cast<int32_t>(candidates[static_cast<size_t>(i)] & 0xffffffff));
}

}  // namespace

std::vector<int32_t> sample(const SampleProblem& p) {
  const auto is_foreground = [](int32_t label) { return label > 0; };
  const auto is_background = [](int32_t label) { return label == 0; };
  const int64_t foreground = std::count_if(p.labels, p.labels + p.rois, is_foreground);
  const int64_t background = std::count_if(p.labels, p.labels + p.rois, is_background);
  const int64_t of_foreground = std::min(p.foreground, foreground);
  const int64_t of_background = std::min(p.count - of_foreground, background);
  std::vector<int32_t> taken;
  taken.reserve(static_cast<size_t>(of_foreground + of_background));
  take(p, of_foreground, foreground, is_foreground, taken);
  take(p, of_background, background, is_background, taken);
  std::sort(taken.begin(), taken.end());
  return taken;
}

}  // namespace roi
