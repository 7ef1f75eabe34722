#pragma once

#include "factors.cuh"

// Which RoI of a mask tile a warp works on, and in which channels its pixels lie.

namespace roi::cuda {

/// A RoI and the warps that it has.
struct MaskRoi {
  int p;
  int rank;  ///< of this warp among the RoI's
  bool foreground;
  int logit_channel;
  int grad_channel;   ///< −1 if it is not foreground
  int stale_channel;  ///< of the gradient, to be cleared, or −1
};

/// What decides where the pixels of a RoI lie.
struct MaskLabel {
  int label;
  int written;  ///< 1 + the channel that the step before wrote, or 0
};

ROI_GPU int mask_roi_of(const MaskParams& m, int tile) { return (tile * kWarps + warp()) >> m.log2_warps; }

/// Read a tile ahead of the pixels: nobody waits for a label.
ROI_GPU MaskLabel read_label(const StepParams& params, int tile) {
  const MaskParams& m = params.mask;
  const int p = mask_roi_of(m, tile);
  if (p >= params.mask_rois) return {};
  return {load(params.mask_labels + p), m.written ? load_fresh(m.written + p) : 0};
}

ROI_GPU MaskRoi mask_roi(const StepParams& params, int tile, const MaskLabel& known) {
  const MaskParams& m = params.mask;
  MaskRoi roi{};
  roi.p = mask_roi_of(m, tile);
  roi.rank = warp() & (m.warps - 1);
  roi.foreground = known.label >= 1 && known.label < params.classes;
  const auto channel = [&](const MaskStrides& s) {
    return roi.foreground ? s.scale * known.label + s.offset : -1;
  };
  roi.logit_channel = channel(m.logit_strides);
  roi.grad_channel = channel(m.grad_strides);
  roi.stale_channel = known.written - 1 == roi.grad_channel ? -1 : known.written - 1;
  return roi;
}

}  // namespace roi::cuda
