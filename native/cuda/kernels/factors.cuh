#pragma once

#include "sums.cuh"

// What has to be known of all RoIs before the first gradient can be written: how many count. Every block
// counts for itself, from the cache: a second launch, or waiting for a block that counts, would cost more.

namespace roi::cuda {

using namespace gpu;

ROI_GPU BlockState& block_state() { return *reinterpret_cast<BlockState*>(shared_memory()); }

/// By one lane of a warp.
ROI_GPU void count(Counter counter, unsigned long long n) {
  unsigned long long* mine = &block_state().counters[warp()][counter];
  store_shared(mine, load_shared(mine) + n);
}

ROI_GPU bool is_bad(int label, int classes) {
  return static_cast<unsigned>(label + 1) > static_cast<unsigned>(classes);
}

/// Tells the host of a bad label, the first of them.
ROI_GPU void report_bad_label(const StepParams& p, bool of_masks, int r) {
  atomic_min(&p.workspace->bad_index[of_masks && p.own_mask_labels], static_cast<unsigned long long>(r));
}

/// Nothing counted is a loss of 0, not 0/0.
ROI_GPU void store_factors(Factors& factors, const TermParams& term, double count) {
  const double divisor = term.divisor > 0 ? term.divisor : count;
  const double loss = divisor > 0 ? term.weight / divisor : 0;
  store_shared(&factors.loss, loss);
  store_shared(&factors.grad, static_cast<float>(loss * term.grad_scale));
}

/// Leaves the factors of all terms in the block's state.
ROI_GPU void find_factors(const StepParams& p) {
  const auto counts = [](const TermParams& term) { return term.enabled && !(term.divisor > 0); };
  int rois = 0, foreground = 0;
  double weight = 0;
  if (counts(p.cls) || counts(p.box) || (counts(p.mask) && !p.own_mask_labels)) {
#pragma unroll 4
    for (int r = thread(); r < p.rois; r += kBlock) {
      const int32_t label = load(p.labels + r);
      const bool good = label >= 0 && label < p.classes;
      rois += good;
      foreground += good && label >= 1 && !p.own_mask_labels;
      if (good && p.cls.weights) weight += static_cast<double>(load(p.cls.weights + label));
    }
  }
  if (counts(p.mask) && p.own_mask_labels) {
#pragma unroll 4
    for (int r = thread(); r < p.mask_rois; r += kBlock) {
      const int32_t label = load(p.mask_labels + r);
      foreground += label >= 1 && label < p.classes;
    }
  }
  BlockState& state = block_state();
  double sums[kMaxSums] = {static_cast<double>(rois), weight, static_cast<double>(foreground)};
  block_sums(sums, state.scratch);
  if (thread() == 0) {
    store_factors(state.cls, p.cls, p.cls.weights ? sums[1] : sums[0]);
    store_factors(state.box, p.box, sums[0]);
    store_factors(state.mask, p.mask, sums[2]);
  }
  block_barrier();
}

ROI_GPU float grad_scale(const TermParams& term, const Factors& factors, int r) {
  const float scale = load_shared(&factors.grad);
  return term.upstream ? scale * load(term.upstream + r) : scale;
}

/// The loss of RoI r, by one thread; 0 if it does not count.
ROI_GPU void store_loss(const TermParams& term, const Factors& factors, int r, float loss) {
  store(term.losses + r, loss);
  if (term.per_roi)
    store(term.per_roi + r, static_cast<float>(load_shared(&factors.loss) * static_cast<double>(loss)));
}

}  // namespace roi::cuda
