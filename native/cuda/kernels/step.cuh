#pragma once

#include "box.cuh"
#include "class.cuh"
#include "mask.cuh"

// A step in one launch: blocks take the tasks of all terms in turn, and the last block to finish adds up.

namespace roi::cuda {

ROI_GPU bool has_metrics(const StepParams& p) { return p.cls.metrics || p.mask.metrics; }

/// Σ losses of each term over the thread's RoIs, in double: right at any number of RoIs. The order depends on
/// their number alone, not on the grid. Four RoIs are one load, and so many of all terms are under way at
/// once.
ROI_GPU void sum_losses(const StepParams& p, double (&sums)[kTerms]) {
  constexpr int kAtOnce = 4;
  int rois[kTerms];
  float rest[kTerms];
#pragma unroll
  for (int i = 0; i < kTerms; i++) {
    const TermParams& term = term_at(p, i);
    rois[i] = !term.enabled ? 0 : i == 2 ? p.mask_rois : p.rois;
    const int r = (rois[i] & ~3) + thread();
    rest[i] = r < rois[i] ? load_fresh(term.losses + r) : 0.0f;
  }
  const int most = p.rois > p.mask_rois ? p.rois : p.mask_rois;
#pragma unroll 1
  for (int begin = thread(); 4 * begin < most; begin += kAtOnce * kBlock) {
    float4 x[kTerms][kAtOnce];
#pragma unroll
    for (int i = 0; i < kTerms; i++)
#pragma unroll
      for (int k = 0; k < kAtOnce; k++) {
        const int quad = begin + k * kBlock;
        x[i][k] = 4 * quad + 4 <= rois[i]
                      ? load_fresh(reinterpret_cast<const float4*>(term_at(p, i).losses) + quad)
                      : float4{};
      }
#pragma unroll
    for (int i = 0; i < kTerms; i++)
#pragma unroll
      for (int k = 0; k < kAtOnce; k++) {
        const float4& q = x[i][k];
        sums[i] += (static_cast<double>(q.x) + static_cast<double>(q.y)) +
                   (static_cast<double>(q.z) + static_cast<double>(q.w));
      }
  }
#pragma unroll
  for (int i = 0; i < kTerms; i++) sums[i] += static_cast<double>(rest[i]);
}

/// The counters of the metrics, a thread each.
ROI_GPU void hand_over_counter(const StepParams& p, int i) {
  uint64_t n = 0;
  if (has_metrics(p)) {
    n = load_fresh(&p.workspace->counters[i]);
    store(&p.workspace->counters[i], 0ull);
  }
  store(&p.result->counters[i], n);
}

template <class T>
ROI_GPU double value_at(const StepParams& p, CheckedInput input, int64_t index) {
  switch (input) {
    case CheckedInput::kLabels:
      return static_cast<double>(load(p.labels + index));
    case CheckedInput::kMaskLabels:
      return static_cast<double>(load(p.mask_labels + index));
    case CheckedInput::kClassProbs: {
      float probability;
      load_floats<T, 1>(p.cls.scores, index, &probability);
      return static_cast<double>(probability);
    }
    default:
      return static_cast<double>(mask_target(p.mask, index));
  }
}

/// The first bad value of each input, a thread each.
template <class T>
ROI_GPU void hand_over_bad(const StepParams& p, CheckedInput input) {
  const int i = static_cast<int>(input);
  unsigned long long* const first = &p.workspace->bad_index[i];
  const unsigned long long index = load_fresh(first);
  store(&p.result->bad_index[i], static_cast<uint64_t>(index));
  if (index == kNoIndex) return;
  store(&p.result->bad_value[i], value_at<T>(p, input, static_cast<int64_t>(index)));
  store(first, static_cast<unsigned long long>(kNoIndex));
}

/// By the last block: all that it hands over is read at once, by threads of several warps. Leaves the
/// workspace as the next launch expects it.
template <class T>
ROI_GPU void finish(const StepParams& p) {
  const int in_second_warp = thread() - kWarp, in_third_warp = thread() - 2 * kWarp;
  if (in_second_warp >= 0 && in_second_warp < kCounters) hand_over_counter(p, in_second_warp);
  if (in_third_warp >= 0 && in_third_warp < static_cast<int>(kCheckedInputs))
    hand_over_bad<T>(p, static_cast<CheckedInput>(in_third_warp));
  double sums[kTerms] = {};
  sum_losses(p, sums);
  double* const scratch = block_state().scratch;
#pragma unroll
  for (int i = 0; i < kTerms; i++) leave_warp_sum(sums[i], scratch + i * kWarps);
  block_barrier();
  if (const int i = thread(); i < kTerms)
    store(&p.result->losses[i], term_at(p, i).enabled
                                    ? load_shared(&factors_at(i).loss) * sum_of_warps(scratch + i * kWarps)
                                    : 0.0);
}

ROI_GPU void clear_counters() {
  unsigned long long* counters = &block_state().counters[0][0];
  for (int i = thread(); i < kWarps * kCounters; i += kBlock) store_shared(counters + i, 0ull);
}

ROI_GPU void add_counters(Workspace& workspace) {
  if (thread() >= kCounters) return;
  unsigned long long sum = 0;
  for (int w = 0; w < kWarps; w++) sum += load_shared(&block_state().counters[w][thread()]);
  if (sum) atomic_add(&workspace.counters[thread()], sum);
}

/// Starts to bring the pixels or scores of a block's first tasks nearer: they are read once means are known.
template <class T>
ROI_GPU void prefetch_first(const StepParams& p, int task, int tile, const MaskLabel& known) {
  if (task < p.tasks.cls)
    prefetch_class_tile<T>(p, task);
  else if ((task -= p.tasks.cls) < p.tasks.box)
    prefetch_box_tile<T>(p, task);
  if (tile < p.tasks.mask) prefetch_mask_tile<T>(p, tile, known);
}

/// Classes and boxes come first: they are bound by what a multiprocessor can issue, while the first masks
/// come from memory. Masks are dealt from the last block down, so that a grid of a block a task is none
/// short.
template <class T>
ROI_GPU void step(const StepParams& p) {
  clear_counters();
  store_shared(&block_state().suspect[thread()], false);
  const Tasks& tasks = p.tasks;
  const int first_tile = blocks() - 1 - block();
  MaskLabel next = read_label(p, first_tile);
  // Whose barriers the counters are behind.
  find_factors(p, [&] { prefetch_first<T>(p, block(), first_tile, next); });
  for (int task = block(); task < tasks.cls + tasks.box; task += blocks())
    task < tasks.cls ? class_tile<T>(p, task) : box_tile<T>(p, task - tasks.cls);
  for (int tile = first_tile; tile < tasks.mask; tile += blocks()) {
    const MaskLabel known = next;
    next = read_label(p, tile + blocks());
    mask_tile<T>(p, tile, known);
  }
  if (tasks.mask > 0) report_bad_targets(p, first_tile);
  for (int task = block(); task < tasks.fill; task += blocks()) fill_slice<T>(p, task);
  block_barrier();
  if (has_metrics(p)) {
    add_counters(*p.workspace);
    block_barrier();
  }
  BlockState& state = block_state();
  if (thread() == 0) {
    const unsigned last = static_cast<unsigned>(blocks()) - 1;
    store_shared(&state.is_last, draw_ticket(&p.workspace->finished, last) == last);
  }
  block_barrier();
  if (load_shared(&state.is_last)) finish<T>(p);
}

}  // namespace roi::cuda
