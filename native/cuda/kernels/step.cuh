#pragma once

#include "box.cuh"
#include "class.cuh"
#include "mask.cuh"

// A step in one launch: blocks take the tasks of all terms in turn, and the last block to finish adds up.

namespace roi::cuda {

/// Σ losses of a term in a fixed order and in double: right at any number of RoIs, the same bits on any grid.
ROI_GPU double sum_of_losses(const TermParams& term, int rois) {
  double sum = 0;
  if (term.enabled)
#pragma unroll 4
    for (int r = thread(); r < rois; r += kBlock) sum += static_cast<double>(load_fresh(term.losses + r));
  return sum;
}

/// By the last block. Leaves the workspace as the next launch expects it.
ROI_GPU void finish(const StepParams& p) {
  BlockState& state = block_state();
  double sums[kMaxSums] = {sum_of_losses(p.cls, p.rois), sum_of_losses(p.box, p.rois),
                           sum_of_losses(p.mask, p.mask_rois)};
  block_sums(sums, state.scratch);
  if (thread() != 0) return;
  StepResult& result = *p.result;
  store(&result.losses[0], p.cls.enabled ? load_shared(&state.cls.loss) * sums[0] : 0.0);
  store(&result.losses[1], p.box.enabled ? load_shared(&state.box.loss) * sums[1] : 0.0);
  store(&result.losses[2], p.mask.enabled ? load_shared(&state.mask.loss) * sums[2] : 0.0);
  Workspace& workspace = *p.workspace;
#pragma unroll 1
  for (int i = 0; i < kCounters; i++) {
    store(&result.counters[i], static_cast<uint64_t>(load_fresh(&workspace.counters[i])));
    store(&workspace.counters[i], 0ull);
  }
#pragma unroll 1
  for (int i = 0; i < 2; i++) {
    const unsigned long long index = load_fresh(&workspace.bad_index[i]);
    store(&result.bad_index[i], static_cast<uint64_t>(index));
    if (index == kNoIndex) continue;
    store(&result.bad_label[i], load((i == 0 ? p.labels : p.mask_labels) + index));
    store(&workspace.bad_index[i], static_cast<unsigned long long>(kNoIndex));
  }
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

template <class T>
ROI_GPU void step(const StepParams& p) {
  clear_counters();
  MaskLabel next = read_label(p, block());
  find_factors(p);  // whose barriers the counters are behind
  const Tasks& tasks = p.tasks;
  int task = block();
  for (; task < tasks.mask; task += blocks()) {
    const MaskLabel known = next;
    next = read_label(p, task + blocks());
    mask_tile<T>(p, task, known);
  }
  for (task -= tasks.mask; task < tasks.cls + tasks.box + tasks.fill; task += blocks()) {
    int i = task;
    if (i < tasks.cls)
      class_tile<T>(p, i);
    else if ((i -= tasks.cls) < tasks.box)
      box_tile<T>(p, i);
    else
      fill_slice<T>(p, i - tasks.box);
  }
  // Everybody's losses are there before this block counts as finished.
  fence();
  block_barrier();
  if (p.cls.metrics || p.mask.metrics) {
    add_counters(*p.workspace);
    fence();
    block_barrier();
  }
  BlockState& state = block_state();
  if (thread() == 0) {
    const unsigned last = static_cast<unsigned>(blocks()) - 1;
    store_shared(&state.is_last, atomic_next(&p.workspace->finished, last) == last);
  }
  block_barrier();
  if (!load_shared(&state.is_last)) return;
  fence();
  finish(p);
}

}  // namespace roi::cuda
