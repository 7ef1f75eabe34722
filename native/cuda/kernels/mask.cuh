#pragma once

#include "elements.cuh"
#include "factors.cuh"
#include "math.cuh"

// After math.cuh.
#include "../../formulas/bce.h"
#include "../../formulas/dice.h"
#include "../../formulas/smoothed_bce.h"

// The mask loss of a tile of RoIs. A RoI has as many warps as one vector a thread needs, up to a block: its
// logits stay in registers between the sums and the gradient. Of a mask larger than a block (1024 pixels
// where four lie together; 28×28 has 784) dice, which needs all sums before the first gradient, reads the
// logits twice, the second time from the cache.

namespace roi::cuda {

ROI_GPU bool has_cross_entropy(const MaskParams& m) { return m.cross_entropy != 0.0f; }
ROI_GPU bool has_dice(const MaskParams& m) { return m.dice != 0.0f; }

/// Where the pixels of a RoI's channel lie: element `first` of the tensor, then `stride` apart.
struct Row {
  int64_t first;
  int stride;
};

ROI_GPU Row row_of(const MaskParams& m, int64_t channels, int p, int channel) {
  return m.channels_last ? Row{p * m.pixels * channels + channel, static_cast<int>(channels)}
                         : Row{(p * channels + channel) * m.pixels, 1};
}

/// Where pixel `i` lies. Vectors have no stride.
template <int kWidth>
ROI_GPU int64_t element(const Row& row, int i) {
  return kWidth == 4 ? row.first + i : row.first + int64_t{i} * row.stride;
}

/// A RoI's sums over pixels.
struct MaskSums {
  float cross_entropy = 0, mismatch = 0, overlap = 0;
  int foreground = 0, false_positives = 0, false_negatives = 0;
};

/// What a thread holds: kWidth pixels that lie together.
template <class T, int kWidth>
struct Pixels {
  float z[kWidth];  ///< logits
  float y[kWidth];  ///< targets

  /// Reads both; `meanwhile` runs while the logits are under way.
  template <class Meanwhile>
  ROI_GPU void read(const MaskParams& m, const Row& logits, int p, int i, Meanwhile meanwhile) {
    const auto packed = load_packed<T, kWidth>(m.logits, element<kWidth>(logits, i));
    meanwhile();
    with_element_type(m.target_dtype, [&](auto y_type) {
      load_floats<decltype(y_type), kWidth>(m.targets, p * m.pixels + i, y);
    });
    unpack<T, kWidth>(packed, z);
  }

  ROI_GPU void count(MaskSums& sums) const {
#pragma unroll
    for (int k = 0; k < kWidth; k++) {
      const bool predicted = z[k] > 0.0f, truth = y[k] >= 0.5f;
      sums.foreground += truth;
      sums.false_positives += predicted && !truth;
      sums.false_negatives += truth && !predicted;
    }
  }

  /// Adds the pixels' losses to `sums` and writes their gradient, unless it waits for the sums of dice.
  ROI_GPU void add(const MaskParams& m, MaskSums& sums, const Row& grad, int i, float scale) const {
    Pixel<float> p[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; k++) p[k] = pixel(z[k], y[k]);
    if (has_dice(m)) {
#pragma unroll
      for (int k = 0; k < kWidth; k++) {
        // σ(±∞) is finite: z·0 makes an infinite logit a NaN here as it is in the other losses.
        sums.mismatch += dice::mismatch(p[k]) + z[k] * 0.0f;
        sums.overlap += dice::overlap(p[k], y[k]);
      }
    }
    if (!has_cross_entropy(m)) return;
    float linear = 0, decay = 0, g[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; k++) {
      p[k].error = smoothed_bce::smoothed(p[k].error, m.smoothing);
      linear += bce::linear(p[k]);
      decay = bce::joint_decay(decay, p[k].decay);
      g[k] = bce::derivative(p[k]) * scale;
    }
    sums.cross_entropy += bce::value(linear, decay);
    if (m.gradient && !has_dice(m)) store_floats<T, kWidth>(m.grad, element<kWidth>(grad, i), g);
  }

  /// Writes the gradient of a loss with dice.
  ROI_GPU void write_gradient(const MaskParams& m, const Row& grad, int i, float scale,
                              const dice::Derivative& derivative) const {
    float g[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; k++) {
      auto p = pixel(z[k], y[k]);
      p.error = smoothed_bce::smoothed(p.error, m.smoothing);
      g[k] = dice::derivative(derivative, p.tail, y[k]) + bce::derivative(p) * scale;
    }
    store_floats<T, kWidth>(m.grad, element<kWidth>(grad, i), g);
  }
};

/// A RoI and the threads that it has.
struct MaskRoi {
  int p;
  int rank, threads;  ///< of this thread among the RoI's
  bool foreground;
  int channel;       ///< of the logits
  int grad_channel;  ///< −1 if it is not foreground
  int stale;         ///< the channel of the gradient to clear, or −1
};

ROI_GPU MaskRoi mask_roi(const StepParams& params, int tile) {
  const MaskParams& m = params.mask;
  const int warps = m.warps_per_roi;
  MaskRoi roi{};
  roi.p = tile * (kWarps / warps) + warp() / warps;
  roi.rank = thread() % (warps * kWarp);
  roi.threads = warps * kWarp;
  roi.channel = roi.grad_channel = roi.stale = -1;
  if (roi.p >= params.mask_rois) return roi;
  const int32_t label = load(params.mask_labels + roi.p);
  if (is_bad(label, params.classes) && roi.rank == 0) report_bad_label(params, true, roi.p);
  roi.foreground = label >= 1 && label < params.classes;
  if (roi.foreground) {
    roi.channel = static_cast<int>(channel_of(label, m.channels, params.classes));
    roi.grad_channel = m.grad_channels == 1 ? 0 : roi.channel;
  }
  if (m.gradient && m.fill == GradFill::kSparse) {
    const int written = load_fresh(m.written + roi.p) - 1;
    if (written != roi.grad_channel) roi.stale = written;
  }
  return roi;
}

/// The sums of the threads of a RoI, in all of them. `scratch` was last used two barriers ago.
ROI_GPU void reduce(const MaskParams& m, MaskSums& sums, float* scratch) {
  float* const all[] = {&sums.cross_entropy, &sums.mismatch, &sums.overlap};
  const int kinds = has_dice(m) ? 3 : 1;
#pragma unroll
  for (int kind = 0; kind < 3; kind++) {
    if (kind >= kinds) break;
    *all[kind] = warp_sum(*all[kind]);
    if (lane() == 0) store_shared(scratch + kind * kWarps + warp(), *all[kind]);
  }
  block_barrier();
  const int first = warp() / m.warps_per_roi * m.warps_per_roi;
#pragma unroll
  for (int kind = 0; kind < 3; kind++) {
    if (kind >= kinds) break;
    *all[kind] = 0;
    for (int w = first; w < first + m.warps_per_roi; w++)
      *all[kind] += load_shared(scratch + kind * kWarps + w);
  }
}

ROI_GPU void count_pixels(const MaskParams& m, const MaskRoi& roi, const MaskSums& sums) {
  const int foreground = warp_sum(sums.foreground);
  const int false_positives = warp_sum(sums.false_positives);
  const int false_negatives = warp_sum(sums.false_negatives);
  if (lane() != 0) return;
  if (roi.rank == 0 && roi.foreground) count(kPixels, static_cast<unsigned long long>(m.pixels));
  count(kPixelsForeground, static_cast<unsigned long long>(foreground));
  count(kPixelsFalsePositive, static_cast<unsigned long long>(false_positives));
  count(kPixelsFalseNegative, static_cast<unsigned long long>(false_negatives));
}

template <class T, int kWidth>
ROI_GPU void mask_tile(const StepParams& params, int tile, float* scratch) {
  const MaskParams& m = params.mask;
  const MaskRoi roi = mask_roi(params, tile);
  const int n = static_cast<int>(m.pixels), span = roi.threads * kWidth;
  const Row logits = row_of(m, m.channels, roi.p, roi.channel);
  const Row grad = row_of(m, m.grad_channels, roi.p, roi.grad_channel);
  const Row stale = row_of(m, m.grad_channels, roi.p, roi.stale);
  const float scale = roi.foreground ? grad_scale(m, block_state().mask, roi.p) : 0.0f;
  const float pixel_scale = scale * m.cross_entropy / static_cast<float>(m.pixels);

  Pixels<T, kWidth> pixels;
  MaskSums sums;
  if (roi.foreground || roi.stale >= 0) {
#pragma unroll 1
    for (int i = roi.rank * kWidth; i < n; i += span) {
      const auto clear = [&] {
        const float zeros[kWidth] = {};
        if (roi.stale >= 0) store_floats<T, kWidth>(m.grad, element<kWidth>(stale, i), zeros);
      };
      if (!roi.foreground) {
        clear();
        continue;
      }
      pixels.read(m, logits, roi.p, i, clear);
      if (m.metrics) pixels.count(sums);
      pixels.add(m, sums, grad, i, pixel_scale);
    }
  }
  if (m.metrics) count_pixels(m, roi, sums);
  reduce(m, sums, scratch);

  if (has_dice(m) && m.gradient && roi.foreground) {
    const auto derivative = dice::derivative(sums.mismatch, sums.overlap, m.eps, scale * m.dice);
#pragma unroll 1
    for (int i = roi.rank * kWidth; i < n; i += span) {
      if (n > span) pixels.read(m, logits, roi.p, i, [] {});
      pixels.write_gradient(m, grad, i, pixel_scale, derivative);
    }
  }
  if (roi.rank != 0 || roi.p >= params.mask_rois) return;
  float loss = m.cross_entropy * sums.cross_entropy / static_cast<float>(m.pixels);
  if (has_dice(m)) loss += m.dice * dice::value(sums.mismatch, sums.overlap, m.eps);
  store_loss(m, block_state().mask, roi.p, roi.foreground ? finite_or_nan(loss) : 0.0f);
  // All threads have read it.
  if (m.gradient && m.fill == GradFill::kSparse) store(m.written + roi.p, roi.grad_channel + 1);
}

/// `fill: rewrite`: zeros in all of a RoI's gradient but the label's channel, a slice of it a block.
template <class T>
ROI_GPU void fill_slice(const StepParams& params, int task) {
  const MaskParams& m = params.mask;
  const int64_t p = task / kFillSlices;
  const int slice = task % kFillSlices;
  const int32_t label = load(params.mask_labels + p);
  const bool foreground = label >= 1 && label < params.classes;
  const int channel =
      static_cast<int>(!foreground            ? -1
                       : m.grad_channels == 1 ? 0
                                              : channel_of(label, m.channels, params.classes));
  const int pixels = static_cast<int>(m.pixels), channels = static_cast<int>(m.grad_channels);
  const int elements = channels * pixels;
  const int share = (elements / kFillSlices / 4 + 1) * 4;
  const int begin = slice * share, end = begin + share < elements ? begin + share : elements;
  const int64_t first = p * elements;
  const float zeros[4] = {};
  if (m.vector) {
    const int kept = channel * pixels;
#pragma unroll 4
    for (int i = begin + thread() * 4; i < end; i += kBlock * 4)
      if (channel < 0 || i < kept || i >= kept + pixels) store_floats<T, 4>(m.grad, first + i, zeros);
  } else {
#pragma unroll 1
    for (int i = begin + thread(); i < end; i += kBlock) {
      const int c = m.channels_last ? i % channels : i / pixels;
      if (c != channel) store_floats<T, 1>(m.grad, first + i, zeros);
    }
  }
}

}  // namespace roi::cuda
