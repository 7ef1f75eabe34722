#include "matcher.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../formulas/boxes.h"

namespace roi {
namespace {

/// What a thread takes at a time: some ten microseconds where objects are near.
constexpr int64_t kChunk = 16 * kTile;

boxes::Box<float> box_at(const float* box, int64_t i) {
  return {box[4 * i], box[4 * i + 1], box[4 * i + 2], box[4 * i + 3]};
}

/// A vector may begin at the last box.
int64_t room_for(int64_t n) { return n + kTile; }

}  // namespace

Matcher::Columns::Columns(int64_t most)
    : floats(static_cast<size_t>(5 * room_for(most))), ints(static_cast<size_t>(2 * room_for(most))) {
  const int64_t room = room_for(most);
  float* const f = floats.data();
  view = {{f, f + room, f + 2 * room, f + 3 * room, f + 4 * room}, ints.data(), ints.data() + room, 0};
}

void Matcher::Columns::clear() {
  const auto room = static_cast<ptrdiff_t>(floats.size() / 5);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (float* column : {view.x1, view.y1}) std::fill_n(column, room, kInfinity);
  for (float* column : {view.x2, view.y2}) std::fill_n(column, room, -kInfinity);
  std::fill_n(view.is_odd, room, 0);
  view.count = 0;
}

void Matcher::Columns::add(const float* box, int64_t index) {
  const boxes::Box<float> b = box_at(box, index);
  const float area = boxes::area(b);
  const int64_t i = view.count++;
  view.x1[i] = b.x1, view.y1[i] = b.y1, view.x2[i] = b.x2, view.y2[i] = b.y2, view.area[i] = area;
  view.is_odd[i] = area > 0 && std::isfinite(area) ? 0 : -1;
  view.index[i] = static_cast<int32_t>(index);
}

Matcher::Matcher(const MatchProblem& problem, int threads, const BoxKernels& kernels)
    : problem_(problem),
      kernels_(kernels),
      objects_(problem.objects),
      crowds_(problem.ignored ? problem.objects : 0),
      threads_(static_cast<size_t>(std::clamp<int64_t>((problem.boxes + kChunk - 1) / kChunk, 1, threads))) {
  for (ThreadState& thread : threads_) {
    thread.candidates.resize(static_cast<size_t>(problem.objects + kTile));
    if (problem.low_quality) thread.most.resize(static_cast<size_t>(problem.objects));
  }
}

void Matcher::run(ThreadPool& pool) {
  objects_.clear();
  crowds_.clear();
  for (int64_t g = 0; g < problem_.objects; g++)
    (problem_.ignored && problem_.ignored[g] ? crowds_ : objects_).add(problem_.object, g);
  if (!problem_.low_quality) return pass(pool, MatchPass::kWhole);
  for (ThreadState& thread : threads_) std::fill(thread.most.begin(), thread.most.end(), 0.0f);
  pass(pool, MatchPass::kSearch);
  combine_most();
  pass(pool, MatchPass::kSettle);
}

void Matcher::pass(ThreadPool& pool, MatchPass::Kind kind) {
  const int64_t n = problem_.boxes;
  pool.run(static_cast<int>(threads_.size()), (n + kChunk - 1) / kChunk, [&](int64_t chunk, int t) {
    ThreadState& thread = threads_[static_cast<size_t>(t)];
    float* const most = kind == MatchPass::kSettle ? threads_[0].most.data() : thread.most.data();
    kernels_.match({kind, chunk * kChunk, std::min((chunk + 1) * kChunk, n), &problem_, &objects_.view,
                    &crowds_.view, problem_.low_quality ? most : nullptr, all_are_best_,
                    thread.candidates.data()});
  });
}

void Matcher::combine_most() {
  all_are_best_ = false;
  for (int64_t g = 0; g < objects_.view.count; g++) {
    float& most = threads_[0].most[static_cast<size_t>(g)];
    for (const ThreadState& thread : threads_) {
      const float other = thread.most[static_cast<size_t>(g)];
      if (!(other <= most)) most = std::isnan(most) ? most : other;  // a NaN stays
    }
    all_are_best_ = all_are_best_ || most == 0;
  }
}

std::vector<int32_t> nms(const float* box, const float* scores, const int32_t* labels, int64_t n,
                         double threshold, const BoxKernels& kernels) {
  const auto size = static_cast<size_t>(n), room = static_cast<size_t>(room_for(n));
  const auto is_before = [&](int32_t a, int32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  const auto label_of = [&](int32_t i) { return labels ? labels[i] : 0; };
  std::vector<int32_t> order(size), kept;
  for (size_t i = 0; i < size; i++) order[i] = static_cast<int32_t>(i);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return label_of(a) != label_of(b) ? label_of(a) < label_of(b) : is_before(a, b);
  });
  // An IoU, a float, is above `threshold` where it is above the largest float that is not.
  auto limit = static_cast<float>(threshold);
  if (limit > threshold) limit = std::nextafter(limit, -std::numeric_limits<float>::infinity());

  std::vector<float> floats(5 * room);
  std::vector<int32_t> suppressed(room);
  float* const f = floats.data();
  const BoxColumns columns = {f, f + room, f + 2 * room, f + 3 * room, f + 4 * room};
  for (size_t begin = 0; begin < size;) {
    size_t end = begin;
    for (; end < size && label_of(order[end]) == label_of(order[begin]); end++) {
      const boxes::Box<float> b = box_at(box, order[end]);
      const size_t i = end - begin;
      columns.x1[i] = b.x1, columns.y1[i] = b.y1, columns.x2[i] = b.x2, columns.y2[i] = b.y2;
      columns.area[i] = boxes::area(b);
      suppressed[i] = 0;
    }
    const auto count = static_cast<int64_t>(end - begin);
    for (int64_t i = 0; i < count; i++) {
      if (suppressed[static_cast<size_t>(i)]) continue;
      kept.push_back(order[begin + static_cast<size_t>(i)]);
      kernels.suppress(columns, i, i + 1, count, limit, suppressed.data());
    }
    begin = end;
  }
  if (labels) std::sort(kept.begin(), kept.end(), is_before);
  return kept;
}

}  // namespace roi
