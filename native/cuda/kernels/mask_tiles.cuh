#pragma once

#include "mask.cuh"
#include "mask_kinds.cuh"

// The tiles of masks that a block has, in one way or the other.

namespace roi::cuda {

/// With kGeneral a kind was chosen that has no loop of its own.
template <bool kGeneral, class T>
ROI_GPU void mask_tile(const StepParams& params, int tile, const MaskLabel& known) {
  const MaskParams& m = params.mask;
  const MaskRoi roi = mask_roi(params, tile, known);
  const float scale = roi.foreground ? grad_scale(m, block_state().mask, roi.p) : 0.0f;
  float loss;
  if constexpr (kGeneral)
    loss = mask_loss_of_kinds<T>(m, roi, scale);
  else
    loss = m.together > 0 ? mask_loss<T, Pixels<T, 4>>(m, roi, scale)
                          : mask_loss<T, Pixels<T, 1>>(m, roi, scale);
  if (lane() != 0 || roi.rank != 0 || roi.p >= params.mask_rois) return;
  if (is_bad(known.label, params.classes)) report_bad_label(params, true, roi.p);
  if (m.metrics && roi.foreground) count(kPixels, static_cast<unsigned long long>(m.pixels));
  store_loss(m, block_state().mask, roi.p, roi.foreground ? finite_or_nan(loss) : 0.0f);
  if (m.written && known.written != roi.grad_channel + 1) store(m.written + roi.p, roi.grad_channel + 1);
}

/// The block's masks from `first` on, whose label is known. A loop for either way: where they share one, the
/// compiler keeps what both need in registers that held pixels lack.
template <bool kGeneral, class T>
ROI_GPU void mask_tiles(const StepParams& p, int first, MaskLabel next) {
  // Labels are read a tile ahead, but where the widest accesses to pixels of 16 bits leave no registers for
  // them.
  constexpr bool kAhead = kWidestAccess / sizeof(typename Element<T>::Word) < 16;
  for (int tile = first; tile < p.tasks.mask; tile += blocks()) {
    const MaskLabel known = next;
    if constexpr (kAhead) next = read_label(p, tile + blocks());
    mask_tile<kGeneral, T>(p, tile, known);
    if constexpr (!kAhead) next = read_label(p, tile + blocks());
  }
}

}  // namespace roi::cuda
