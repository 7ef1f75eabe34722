#pragma once

#include "box.cuh"
#include "class.cuh"
#include "mask_tiles.cuh"

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

/// Whether a step can come upon bad values of an input.
ROI_GPU bool is_checked(const StepParams& p, CheckedInput input) {
  switch (input) {
    case CheckedInput::kLabels:
      return true;
    case CheckedInput::kMaskLabels:
      return p.own_mask_labels;
    case CheckedInput::kClassProbs:
      return p.cls.probabilities;
    default:
      return p.mask.enabled;
  }
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

/// What one thread hands over beside the losses: a counter of the metrics, or the first bad value of an
/// input.
template <class T>
struct HandedOver {
  int input;  ///< a CheckedInput; below 0: a counter
  bool wanted;
  unsigned long long *from, none, value;
  uint64_t* to;

  /// The i-th of them, if there is one. Starts to read it, if the step has asked for it.
  ROI_GPU HandedOver(const StepParams& p, int i) {
    input = i - kCounters;
    const bool is_counter = input < 0;
    wanted = is_counter ? has_metrics(p) : i < kHandedOver && is_checked(p, static_cast<CheckedInput>(input));
    from = is_counter ? p.workspace->counters + i : p.workspace->bad_index + input;
    to = is_counter ? p.result->counters + i : p.result->bad_index + input;
    value = none = is_counter ? 0 : kNoIndex;
    if (wanted) value = load_fresh(from);
  }
  /// To the host, and leaves the workspace as the next launch expects it.
  ROI_GPU void hand_over(const StepParams& p) const {
    store(to, static_cast<uint64_t>(value));
    if (wanted) store(from, none);
    if (input >= 0 && value != kNoIndex)
      store(p.result->bad_value + input,
            value_at<T>(p, static_cast<CheckedInput>(input), static_cast<int64_t>(value)));
  }
  static constexpr int kHandedOver = kCounters + static_cast<int>(kCheckedByKernels);
};

/// By the last block. All that it needs is read at once.
template <class T>
ROI_GPU void finish(const StepParams& p) {
  const int i = kBlock - 1 - thread();
  const HandedOver<T> mine(p, i);
  double sums[kTerms] = {};
  sum_losses(p, sums);
  double* const scratch = block_state().scratch;
#pragma unroll
  for (int term = 0; term < kTerms; term++) leave_warp_sum(sums[term], scratch + term * kWarps);
  if (i < HandedOver<T>::kHandedOver) mine.hand_over(p);
  block_barrier();
  if (const int term = thread(); term < kTerms)
    store(p.result->losses + term, term_at(p, term).enabled ? load_shared(&factors_at(term).loss) *
                                                                  sum_of_warps(scratch + term * kWarps)
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

/// Tiles of classes and boxes come first: they are bound by what a multiprocessor can issue, while the first
/// masks come from memory. Those of boxes, and of masks behind them, are dealt from the last block down, so
/// that no block of a grid that has one for each task goes without.
template <class T>
ROI_GPU void step(const StepParams& p) {
  clear_counters();
  store_shared(&block_state().suspect[thread()], false);
  const Tasks& tasks = p.tasks;
  const int first_box = blocks() - 1 - block();
  int first_tile = first_box - tasks.box;
  while (first_tile < 0) first_tile += blocks();
  int box_label = read_box_label(p, first_box);
  MaskLabel next = read_label(p, first_tile);
  // Whose barriers the counters are behind.
  find_factors(p, [&] {
    if (block() < tasks.cls) prefetch_class_tile<T>(p, block());
    if (first_box < tasks.box) prefetch_box_tile<T>(p, first_box, box_label);
    if (first_tile < tasks.mask) prefetch_mask_tile<T>(p, first_tile, next);
  });
  for (int tile = block(); tile < tasks.cls; tile += blocks())
    p.cls.held ? class_tile<T, true>(p, tile) : class_tile<T, false>(p, tile);
  for (int tile = first_box; tile < tasks.box; tile += blocks()) {
    box_tile<T>(p, tile, box_label);
    box_label = read_box_label(p, tile + blocks());
  }
  p.mask.general ? mask_tiles<true, T>(p, first_tile, next) : mask_tiles<false, T>(p, first_tile, next);
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
