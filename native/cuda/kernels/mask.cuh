#pragma once

#include "math.cuh"
#include "pixels.cuh"
#include "zeros.cuh"

// After math.cuh.
#include "../../formulas/bce.h"
#include "../../formulas/dice.h"
#include "../../formulas/ranges.h"
#include "../../formulas/smoothed_bce.h"

// The mask loss of a tile of RoIs. A RoI has a warp for each piece of its mask that the lanes of a warp can
// hold, up to the block: 28×28 pixels are one. Held pixels stay in registers between the sums and the
// gradient. Of a mask larger than the block holds (84×84 where four pixels lie together) dice, which needs
// all sums before the first gradient, reads the logits twice, the second time from the cache.

namespace roi::cuda {

ROI_GPU bool has_dice(const MaskParams& m) { return m.dice != 0.0f; }

/// What decides where the pixels of a RoI lie.
struct MaskLabel {
  int label;
  int written;  ///< 1 + the channel that the step before wrote, or 0
};

/// A RoI's sums over pixels. Of pieces they are added in double: their error does not grow with the mask.
struct MaskSums {
  double cross_entropy = 0, mismatch = 0, overlap = 0;
};

/// The cross-entropy of a lane's pixels, which come access by access.
struct CrossEntropySum {
  float linear = 0, decay = 0, decay_of_access = 0;

  /// The k-th pixel of an access.
  ROI_GPU void add(const Pixel<float>& p, float minus_error, int k) {
    linear += bce::linear(p, minus_error);
    decay_of_access = k == 0 ? p.decay : bce::joint_decay(decay_of_access, p);
  }
  ROI_GPU void end(int access) {
    decay = access == 0 ? decay_of_access : bce::joint_decay(decay, decay_of_access);
  }
  ROI_GPU double value() const { return static_cast<double>(bce::value(linear, decay)); }
};

/// Of a piece.
template <class Held>
ROI_GPU void count_pixels(const Held& pixels) {
  constexpr int kCountBits = 10;
  static_assert(Held::kPiece < 1 << kCountBits);
  constexpr int kFalsePositive = 1 << kCountBits, kFalseNegative = 1 << 2 * kCountBits;
  int counts = 0;  // three in one number
  pixels.each_pixel(
      [&](float z, float y, int) {
        const bool predicted = z > 0.0f, truth = y > 0.5f;
        if (truth) counts += predicted ? 1 : 1 + kFalseNegative;
        if (predicted && !truth) counts += kFalsePositive;
      },
      [](int) {});
  const int sum = warp_sum(counts);
  if (lane() != 0) return;
  const auto part = [&](int i) {
    return static_cast<unsigned long long>(sum >> i * kCountBits & (kFalsePositive - 1));
  };
  count(kPixelsForeground, part(0));
  count(kPixelsFalsePositive, part(1));
  count(kPixelsFalseNegative, part(2));
}

/// The target at an index of [P, pixels].
ROI_GPU float mask_target(const MaskParams& m, int64_t index) {
  float y;
  with_type(m.target_dtype, [&](auto type) { load_floats<decltype(type), 1>(m.targets, index, &y); });
  return y;
}

/// Among the pixels there is no register to spare for what hardly ever happens.
ROI_GPU void note_suspect() { store_shared(&block_state().suspect[thread()], true); }

/// Without dice: the sum, and the gradient is written.
template <class Held>
ROI_GPU void add_cross_entropy(Held& pixels, const MaskParams& m, float scale, MaskSums& sums) {
  CrossEntropySum sum;
  bool suspect = false;
  float g[Held::kWidth];
  pixels.each_pixel(
      [&](float z, float y, int k) {
        suspect |= ranges::is_suspect_target(bits_of(y));
        const auto p = pixel(z, y);
        const float minus_error = smoothed_bce::minus_error(m.smoothing, p.error);
        sum.add(p, minus_error, k);
        g[k] = bce::derivative(p, minus_error, scale);
      },
      [&](int v) {
        sum.end(v);
        if (m.gradient) pixels.store(m, v, g);
      });
  sums.cross_entropy += sum.value();
  if (suspect) note_suspect();
}

/// With dice, and cross-entropy or not.
template <class Held>
ROI_GPU void add_sums(const Held& pixels, const MaskParams& m, MaskSums& sums) {
  CrossEntropySum sum;
  float mismatch = 0, overlap = 0;
  bool suspect = false;
  pixels.each_pixel(
      [&](float z, float y, int k) {
        suspect |= ranges::is_suspect_target(bits_of(y));
        const auto p = pixel(z, y);
        // σ(±∞) is finite: z·0 makes an infinite logit a NaN here as it is in the other losses.
        mismatch += dice::mismatch(p) + z * 0.0f;
        overlap += dice::overlap(p, y);
        sum.add(p, smoothed_bce::minus_error(m.smoothing, p.error), k);
      },
      [&](int v) { sum.end(v); });
  sums.mismatch += static_cast<double>(mismatch);
  sums.overlap += static_cast<double>(overlap);
  sums.cross_entropy += sum.value();
  if (suspect) note_suspect();
}

/// With dice, from the sums: writes the gradient.
template <class Held>
ROI_GPU void write_gradient(Held& pixels, const MaskParams& m, float scale,
                            const dice::Derivative& derivative) {
  float g[Held::kWidth];
  pixels.each_pixel(
      [&](float z, float y, int k) {
        const auto p = pixel(z, y);
        const float minus_error = smoothed_bce::minus_error(m.smoothing, p.error);
        g[k] = dice::derivative(derivative, p.tail, y) + bce::derivative(p, minus_error, scale);
      },
      [&](int v) { pixels.store(m, v, g); });
}

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

/// Zeros in the channel of the gradient that the step before wrote.
template <class T>
ROI_GPU void clear(const MaskParams& m, const MaskRoi& roi) {
  const auto& s = m.grad_strides;
  const int64_t first = int64_t{roi.p} * s.roi + roi.stale_channel * s.channel;
  write_zeros<T>(m, first, m.pixels, roi.rank * kWarp + lane(), m.warps * kWarp);
}

/// The sum over a RoI's threads, in all of them.
ROI_GPU float sum_of_roi(const MaskParams& m, double x) {
  return over_warps(warp_sum(static_cast<float>(x)), m.warps, block_state().scratch, Sum());
}

/// The loss of a RoI, in all of its threads.
template <class T, class Held>
ROI_GPU float mask_loss(const MaskParams& m, const MaskRoi& roi, float scale) {
  const float pixel_scale = scale * m.cross_entropy_pixel;
  const int held = Held::kPiece * m.warps;
  if (roi.stale_channel >= 0) clear<T>(m, roi);
  Held pixels;
  MaskSums sums;
  pixels.start(m, roi);
  int begin = 0;
#pragma unroll 1
  while (true) {
    pixels.read(m);
    if (m.metrics) count_pixels(pixels);
    has_dice(m) ? add_sums(pixels, m, sums) : add_cross_entropy(pixels, m, pixel_scale, sums);
    begin += held;
    if (begin >= m.pixels) break;
    pixels.skip(m, held);
  }
  const float cross_entropy = sum_of_roi(m, sums.cross_entropy);
  const float loss = m.cross_entropy_pixel != 0.0f ? m.cross_entropy_pixel * cross_entropy : 0.0f;
  if (!has_dice(m)) return loss;

  const float mismatch = sum_of_roi(m, sums.mismatch), overlap = sum_of_roi(m, sums.overlap);
  const auto derivative = dice::derivative(mismatch, overlap, m.eps, scale * m.dice);
  if (held < m.pixels) pixels.start(m, roi);
#pragma unroll 1
  for (int begin = 0; roi.foreground && m.gradient && begin < m.pixels; begin += held) {
    if (begin > 0) pixels.skip(m, held);
    if (held < m.pixels) pixels.read(m);
    write_gradient(pixels, m, pixel_scale, derivative);
  }
  return loss + m.dice * dice::value(mismatch, overlap, m.eps);
}

/// Of a tile whose pixels come one by one nothing is brought.
template <class T>
ROI_GPU void prefetch_mask_tile(const StepParams& params, int tile, const MaskLabel& known) {
  if (params.mask.together == 0) return;
  Pixels<T, 4> pixels;
  pixels.start(params.mask, mask_roi(params, tile, known));
  pixels.prefetch(params.mask);
}

template <class T>
ROI_GPU void mask_tile(const StepParams& params, int tile, const MaskLabel& known) {
  const MaskParams& m = params.mask;
  const MaskRoi roi = mask_roi(params, tile, known);
  const float scale = roi.foreground ? grad_scale(m, block_state().mask, roi.p) : 0.0f;
  const float loss =
      m.together > 0 ? mask_loss<T, Pixels<T, 4>>(m, roi, scale) : mask_loss<T, Pixels<T, 1>>(m, roi, scale);
  if (lane() != 0 || roi.rank != 0 || roi.p >= params.mask_rois) return;
  if (is_bad(known.label, params.classes)) report_bad_label(params, true, roi.p);
  if (m.metrics && roi.foreground) count(kPixels, static_cast<unsigned long long>(m.pixels));
  store_loss(m, block_state().mask, roi.p, roi.foreground ? finite_or_nan(loss) : 0.0f);
  if (m.written && known.written != roi.grad_channel + 1) store(m.written + roi.p, roi.grad_channel + 1);
}

/// Behind the block's mask tiles: a warp that came upon a suspect target looks at those of all its RoIs
/// again.
ROI_GPU void report_bad_targets(const StepParams& params, int first_tile) {
  const MaskParams& m = params.mask;
  const int suspects = warp_sum(static_cast<int>(load_shared(&block_state().suspect[thread()])));
  if (suspects == 0) return;
#pragma unroll 1
  for (int tile = first_tile; tile < params.tasks.mask; tile += blocks()) {
    const int p = mask_roi_of(m, tile);
    const int label = p < params.mask_rois ? load(params.mask_labels + p) : 0;
    if (label < 1 || label >= params.classes) continue;
#pragma unroll 1
    for (int i = lane(); i < m.pixels; i += kWarp) {
      const int64_t index = int64_t{p} * m.pixels + i;
      if (ranges::is_bad_target(mask_target(m, index))) report_bad(params, CheckedInput::kMaskTargets, index);
    }
  }
}

}  // namespace roi::cuda
