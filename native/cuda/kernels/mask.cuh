#pragma once

#include "elements.cuh"
#include "factors.cuh"
#include "math.cuh"

// After math.cuh.
#include "../../formulas/bce.h"
#include "../../formulas/dice.h"
#include "../../formulas/smoothed_bce.h"

// The mask loss of a tile of RoIs. A RoI has as many warps as it takes for kMaskAccesses accesses a thread,
// up to the block: its logits stay in registers between the sums and the gradient. Of a mask larger than that
// (2048 pixels where four lie together) dice, which needs all sums before the first gradient, reads the
// logits twice, the second time from the cache.

namespace roi::cuda {

ROI_GPU bool has_cross_entropy(const MaskParams& m) { return m.cross_entropy != 0.0f; }
ROI_GPU bool has_dice(const MaskParams& m) { return m.dice != 0.0f; }

/// A RoI and the threads that it has.
struct MaskRoi {
  int p;
  int rank;  ///< of this thread among the RoI's
  bool foreground;
  int grad_channel;      ///< −1 if it is not foreground
  int stale_channel;     ///< of the gradient, to be cleared, or −1
  int64_t logits, grad;  ///< the first elements of the label's channel
};

/// A RoI's sums over pixels.
struct MaskSums {
  float cross_entropy = 0, mismatch = 0, overlap = 0;
  int foreground = 0, false_positives = 0, false_negatives = 0;
};

/// What a thread holds of a mask: kAccesses times kWidth pixels that lie together.
template <class T, class Y, int kWidth, int kAccesses>
struct Pixels {
  Packed<T, kWidth> logits[kAccesses];
  Packed<Y, kWidth> targets[kAccesses];

  static ROI_GPU int step(const MaskParams& m) { return kWidth << m.log2_threads; }
  static ROI_GPU int piece(const MaskParams& m) { return kAccesses * step(m); }

  /// Calls visit(v, i) for each access v that begins at a pixel i of the mask.
  template <class Visit>
  static ROI_GPU void each(const MaskParams& m, const MaskRoi& roi, int begin, Visit visit) {
    const int first = begin + roi.rank * kWidth;
#pragma unroll
    for (int v = 0; v < kAccesses; v++) {
      const int i = first + v * step(m);
      if (i < m.pixels) visit(v, i);
    }
  }

  /// Vectors have no stride.
  static ROI_GPU int64_t element(int64_t first, int i, const MaskStrides& strides) {
    return first + (kWidth == 4 ? int64_t{i} : int64_t{i} * strides.pixel);
  }

  static ROI_GPU void clear(const MaskParams& m, const MaskRoi& roi, int begin) {
    const int64_t first = int64_t{roi.p} * m.grad_strides.roi + roi.stale_channel * m.grad_strides.channel;
    const float zeros[kWidth] = {};
    each(m, roi, begin,
         [&](int, int i) { store_floats<T, kWidth>(m.grad, element(first, i, m.grad_strides), zeros); });
  }

  /// Issues the loads.
  ROI_GPU void read(const MaskParams& m, const MaskRoi& roi, int begin) {
    const int64_t first_target = int64_t{roi.p} * m.pixels;
    each(m, roi, begin, [&](int v, int i) {
      logits[v] = load_packed<T, kWidth>(m.logits, element(roi.logits, i, m.logit_strides));
      if constexpr (std::is_same_v<Y, AnyTarget>)
        targets[v] = load_any(m.target_dtype, m.targets, first_target + i);
      else
        targets[v] = load_packed<Y, kWidth>(m.targets, first_target + i);
    });
  }

  /// Calls visit(z, y, k) for each pixel, the k-th of an access, then done(i) for the access, which begins at
  /// i.
  template <class Visit, class Done>
  ROI_GPU void each_pixel(const MaskParams& m, const MaskRoi& roi, int begin, Visit visit, Done done) const {
    each(m, roi, begin, [&](int v, int i) {
      float z[kWidth], y[kWidth];
      unpack<T, kWidth>(logits[v], z);
      unpack<Y, kWidth>(targets[v], y);
#pragma unroll
      for (int k = 0; k < kWidth; k++) visit(z[k], y[k], k);
      done(i);
    });
  }

  ROI_GPU void count(const MaskParams& m, const MaskRoi& roi, int begin, MaskSums& sums) const {
    each_pixel(
        m, roi, begin,
        [&](float z, float y, int) {
          const bool predicted = z > 0.0f, truth = y >= 0.5f;
          sums.foreground += truth;
          sums.false_positives += predicted && !truth;
          sums.false_negatives += truth && !predicted;
        },
        [](int) {});
  }

  ROI_GPU void write(const MaskParams& m, const MaskRoi& roi, int i, const float* g) const {
    store_floats<T, kWidth>(m.grad, element(roi.grad, i, m.grad_strides), g);
  }

  /// Adds the pixels' cross-entropy to the sums, and writes the gradient if there is nothing but that.
  ROI_GPU void add_cross_entropy(const MaskParams& m, const MaskRoi& roi, int begin, float scale,
                                 MaskSums& sums) const {
    const bool write_gradient = m.gradient && !has_dice(m);
    float linear = 0, decay = 0, g[kWidth];
    each_pixel(
        m, roi, begin,
        [&](float z, float y, int k) {
          auto p = pixel(z, y);
          p.error = smoothed_bce::smoothed(p.error, m.smoothing);
          linear += bce::linear(p);
          decay = bce::joint_decay(decay, p.decay);
          g[k] = bce::derivative(p) * scale;
        },
        [&](int i) {
          if (write_gradient) write(m, roi, i, g);
        });
    sums.cross_entropy += bce::value(linear, decay);
  }

  ROI_GPU void add_dice(const MaskParams& m, const MaskRoi& roi, int begin, MaskSums& sums) const {
    each_pixel(
        m, roi, begin,
        [&](float z, float y, int) {
          const auto p = pixel(z, y);
          // σ(±∞) is finite: z·0 makes an infinite logit a NaN here as it is in the other losses.
          sums.mismatch += dice::mismatch(p) + z * 0.0f;
          sums.overlap += dice::overlap(p, y);
        },
        [](int) {});
  }

  /// Writes the gradient of a loss with dice.
  ROI_GPU void write_gradient(const MaskParams& m, const MaskRoi& roi, int begin, float scale,
                              const dice::Derivative& derivative) const {
    float g[kWidth];
    each_pixel(
        m, roi, begin,
        [&](float z, float y, int k) {
          auto p = pixel(z, y);
          p.error = smoothed_bce::smoothed(p.error, m.smoothing);
          g[k] = dice::derivative(derivative, p.tail, y) + bce::derivative(p) * scale;
        },
        [&](int i) { write(m, roi, i, g); });
  }
};

/// Reads what decides where the pixels of a tile lie, a tile ahead of them: nobody waits for a label.
ROI_GPU void read_labels(const StepParams& params, int tile, bool turn) {
  const MaskParams& m = params.mask;
  const int rois = kBlock >> m.log2_threads, p = tile * rois + thread();
  if (tile >= params.tasks.mask || thread() >= rois || p >= params.mask_rois) return;
  const int label = load(params.mask_labels + p);
  if (is_bad(label, params.classes)) report_bad_label(params, true, p);
  store_shared(&block_state().mask_labels[turn][thread()], label);
  if (m.gradient && m.fill == GradFill::kSparse)
    store_shared(&block_state().mask_written[turn][thread()], load_fresh(m.written + p));
}

ROI_GPU MaskRoi mask_roi(const StepParams& params, int tile, bool turn) {
  const MaskParams& m = params.mask;
  const int slot = thread() >> m.log2_threads;
  MaskRoi roi{};
  roi.p = tile * (kBlock >> m.log2_threads) + slot;
  roi.rank = thread() & ((1 << m.log2_threads) - 1);
  roi.grad_channel = roi.stale_channel = -1;
  if (roi.p >= params.mask_rois) return roi;
  const int label = load_shared(&block_state().mask_labels[turn][slot]);
  roi.foreground = label >= 1 && label < params.classes;
  const auto channel = [&](const MaskStrides& s) { return s.scale * label + s.offset; };
  if (roi.foreground) {
    roi.grad_channel = channel(m.grad_strides);
    roi.logits = int64_t{roi.p} * m.logit_strides.roi + channel(m.logit_strides) * m.logit_strides.channel;
    roi.grad = int64_t{roi.p} * m.grad_strides.roi + roi.grad_channel * m.grad_strides.channel;
  }
  if (m.gradient && m.fill == GradFill::kSparse) {
    const int written = load_shared(&block_state().mask_written[turn][slot]) - 1;
    if (written != roi.grad_channel) roi.stale_channel = written;
  }
  return roi;
}

/// The sums of the threads of a RoI, in all of them. `scratch` was last used two barriers ago.
ROI_GPU void reduce(const MaskParams& m, MaskSums& sums, float* scratch) {
  float* const all[] = {&sums.cross_entropy, &sums.mismatch, &sums.overlap};
  const int kinds = has_dice(m) ? 3 : 1, warps = (1 << m.log2_threads) / kWarp;
#pragma unroll
  for (int kind = 0; kind < 3; kind++) {
    if (kind >= kinds) break;
    *all[kind] = warp_sum(*all[kind]);
    if (lane() == 0) store_shared(scratch + kind * kWarps + warp(), *all[kind]);
  }
  block_barrier();
  const int slot = (warp() & ~(warps - 1)) + (lane() & (warps - 1));
#pragma unroll
  for (int kind = 0; kind < 3; kind++) {
    if (kind >= kinds) break;
    *all[kind] = group_sum(load_shared(scratch + kind * kWarps + slot), warps);
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

template <class Held>
ROI_GPU void mask_tile_of(const StepParams& params, int tile, bool turn) {
  const MaskParams& m = params.mask;
  const MaskRoi roi = mask_roi(params, tile, turn);
  const int piece = Held::piece(m);
  const float scale = roi.foreground ? grad_scale(m, block_state().mask, roi.p) : 0.0f;
  const float pixel_scale = scale * m.cross_entropy_pixel;

  Held pixels;
  MaskSums sums;
#pragma unroll 1
  for (int begin = 0; begin < m.pixels; begin += piece) {
    if (roi.foreground) pixels.read(m, roi, begin);
    // While the loads are under way.
    if (roi.stale_channel >= 0) Held::clear(m, roi, begin);
    if (!roi.foreground) continue;
    if (m.metrics) pixels.count(m, roi, begin, sums);
    if (has_dice(m)) pixels.add_dice(m, roi, begin, sums);
    if (has_cross_entropy(m)) pixels.add_cross_entropy(m, roi, begin, pixel_scale, sums);
  }
  if (m.metrics) count_pixels(m, roi, sums);
  read_labels(params, tile + blocks(), !turn);
  reduce(m, sums, block_state().mask_scratch[turn]);

  if (has_dice(m) && m.gradient && roi.foreground) {
    const auto derivative = dice::derivative(sums.mismatch, sums.overlap, m.eps, scale * m.dice);
#pragma unroll 1
    for (int begin = 0; begin < m.pixels; begin += piece) {
      if (m.pixels > piece) pixels.read(m, roi, begin);
      pixels.write_gradient(m, roi, begin, pixel_scale, derivative);
    }
  }
  if (roi.rank != 0 || roi.p >= params.mask_rois) return;
  float loss = m.cross_entropy_pixel * sums.cross_entropy;
  if (has_dice(m)) loss += m.dice * dice::value(sums.mismatch, sums.overlap, m.eps);
  store_loss(m, block_state().mask, roi.p, roi.foreground ? finite_or_nan(loss) : 0.0f);
  if (m.gradient && m.fill == GradFill::kSparse) store(m.written + roi.p, roi.grad_channel + 1);
}

template <class T>
ROI_GPU void mask_tile(const StepParams& params, int tile, bool turn) {
  if (!params.mask.vector)
    mask_tile_of<Pixels<T, AnyTarget, 1, 1>>(params, tile, turn);
  else if (params.mask.target_dtype == DType::kUint8)
    mask_tile_of<Pixels<T, uint8_t, 4, kMaskAccesses>>(params, tile, turn);
  else
    mask_tile_of<Pixels<T, float, 4, kMaskAccesses>>(params, tile, turn);
}

/// `fill: rewrite`: zeros in all of a RoI's gradient but the label's channel, a slice of it a block.
template <class T>
ROI_GPU void fill_slice(const StepParams& params, int task) {
  const MaskParams& m = params.mask;
  const MaskStrides& strides = m.grad_strides;
  const int p = task / kFillSlices, slice = task % kFillSlices;
  const int32_t label = load(params.mask_labels + p);
  const bool foreground = label >= 1 && label < params.classes;
  const int channel = foreground ? strides.scale * label + strides.offset : -1;
  const int elements = static_cast<int>(strides.roi);
  const int share = (elements / kFillSlices / 4 + 1) * 4;
  const int begin = slice * share, end = begin + share < elements ? begin + share : elements;
  const int64_t first = p * strides.roi;
  const float zeros[4] = {};
  if (m.vector) {
    const int kept = channel * m.pixels;
#pragma unroll 4
    for (int i = begin + thread() * 4; i < end; i += kBlock * 4)
      if (channel < 0 || i < kept || i >= kept + m.pixels) store_floats<T, 4>(m.grad, first + i, zeros);
  } else {
#pragma unroll 1
    for (int i = begin + thread(); i < end; i += kBlock) {
      const int c = strides.pixel > 1 ? i % strides.pixel : i / m.pixels;
      if (c != channel) store_floats<T, 1>(m.grad, first + i, zeros);
    }
  }
}

}  // namespace roi::cuda
