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

/// Tells the host of a bad value, the first of its input.
ROI_GPU void report_bad(const StepParams& p, CheckedInput input, int64_t index) {
  atomic_min(&p.workspace->bad_index[static_cast<int>(input)], static_cast<unsigned long long>(index));
}
ROI_GPU void report_bad_label(const StepParams& p, bool of_masks, int r) {
  report_bad(p, of_masks && p.own_mask_labels ? CheckedInput::kMaskLabels : CheckedInput::kLabels, r);
}

/// A term by its number.
ROI_GPU const TermParams& term_at(const StepParams& p, int term) {
  if (term == 0) return p.cls;
  if (term == 1) return p.box;
  return p.mask;
}
ROI_GPU Factors& factors_at(int term) {
  BlockState& state = block_state();
  return term == 0 ? state.cls : term == 1 ? state.box : state.mask;
}

/// Nothing counted is a loss of 0, not 0/0.
ROI_GPU void store_factors(Factors& factors, const TermParams& term, double count) {
  const double divisor = term.divisor > 0 ? term.divisor : count;
  const double loss = divisor > 0 ? term.weight / divisor : 0;
  store_shared(&factors.loss, loss);
  store_shared(&factors.grad, static_cast<float>(loss * term.grad_scale));
}

/// What means divide by, as far as a thread has seen labels.
struct Counts {
  int rois = 0, foreground = 0;
  double weight = 0;
};

/// The labels that are counted: `labels`, and behind them the masks' own; a thread's share of them, so many
/// at a time, whose loads are all under way together.
struct Labels {
  static constexpr int kAtOnce = 16;
  const StepParams& p;
  int rois, all;
  int32_t label[kAtOnce];

  ROI_GPU explicit Labels(const StepParams& p) : p(p) {
    const auto counts = [](const TermParams& term) { return term.enabled && !(term.divisor > 0); };
    const bool rois_count = counts(p.cls) || counts(p.box) || (counts(p.mask) && !p.own_mask_labels);
    rois = rois_count ? p.rois : 0;
    all = rois + (counts(p.mask) && p.own_mask_labels ? p.mask_rois : 0);
  }
  ROI_GPU void read(int begin) {
#pragma unroll
    for (int k = 0; k < kAtOnce; k++) {
      const int i = begin + k * kBlock;
      const int32_t* const from = i < rois ? p.labels + i : p.mask_labels + (i - rois);
      label[k] = i < all ? load(from) : -1;
    }
  }
  ROI_GPU void add_to(Counts& counts, int begin) const {
#pragma unroll
    for (int k = 0; k < kAtOnce; k++) {
      const bool of_masks = begin + k * kBlock >= rois;
      counts.rois += !of_masks && static_cast<unsigned>(label[k]) < static_cast<unsigned>(p.classes);
      counts.foreground += of_masks == p.own_mask_labels && label[k] >= 1 && label[k] < p.classes;
    }
    if (!p.cls.weights) return;
    float weights[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; k++) {
      const bool counts_here =
          begin + k * kBlock < rois && static_cast<unsigned>(label[k]) < static_cast<unsigned>(p.classes);
      weights[k] = counts_here ? load(p.cls.weights + label[k]) : 0.0f;
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; k++) counts.weight += static_cast<double>(weights[k]);
  }
};

/// Leaves the factors of all terms in the block's state. Calls `meanwhile` while it waits for labels.
template <class Meanwhile>
ROI_GPU void find_factors(const StepParams& p, Meanwhile meanwhile) {
  Labels labels(p);
  Counts counts;
  int begin = thread();
  labels.read(begin);
  meanwhile();
#pragma unroll 1
  while (true) {
    labels.add_to(counts, begin);
    begin += Labels::kAtOnce * kBlock;
    if (begin >= labels.all) break;
    labels.read(begin);
  }
  double* const weights = block_state().scratch;
  int* const rois = reinterpret_cast<int*>(weights + kWarps);
  int* const foreground = rois + kWarps;
  leave_warp_sum(counts.rois, rois);
  leave_warp_sum(counts.foreground, foreground);
  if (p.cls.weights) leave_warp_sum(counts.weight, weights);
  block_barrier();
  if (const int i = thread(); i < kTerms) {
    const bool weighted = i == 0 && p.cls.weights;
    store_factors(
        factors_at(i), term_at(p, i),
        weighted ? sum_of_warps(weights) : static_cast<double>(sum_of_warps(i < 2 ? rois : foreground)));
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
