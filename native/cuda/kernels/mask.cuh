#pragma once

#include "math.cuh"
#include "pixels.cuh"
#include "zeros.cuh"

// After math.cuh.
#include "../../formulas/bce.h"
#include "../../formulas/dice.h"
#include "../../formulas/ranges.h"
#include "../../formulas/smoothed_bce.h"

// The mask loss of a tile of RoIs. A RoI has one warp or more, each with a share of its pixels, and goes
// through it piece by piece, as much as its lanes can hold; 28×28 pixels are one. For each piece (mask_loss):
//
//   read             logits z and targets y into registers, all loads under way at once
//   check, count     the range of targets that are floats; pixels for the metrics
//   add              without dice the cross-entropy and the gradient; with dice its sums, and t replaces z
//   totals_of_roi    over lanes and warps after the last piece: the loss, and what dice's derivative needs
//   write_gradient   with dice, from t and y; all pieces but the last are read again, from the cache

namespace roi::cuda {

ROI_GPU bool has_dice(const MaskParams& m) { return m.dice != 0.0f; }
ROI_GPU bool has_cross_entropy(const MaskParams& m) { return m.cross_entropy_pixel != 0.0f; }

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

/// Notes whether a target of the piece is suspect: the largest by its bits is, if any. A pass of its own,
/// which is over before the losses need all registers; what hardly ever happens waits until the masks are
/// done.
template <class Held>
ROI_GPU void check_targets(const Held& pixels, const MaskParams& m) {
  if (m.target_dtype == DType::kUint8) return;
  uint32_t largest = 0;
  pixels.each([&](int v) {
#pragma unroll
    for (int k = 0; k < Held::kWidth; k++) {
      const uint32_t bits = bits_of(pixels.y[v * Held::kWidth + k]);
      largest = bits > largest ? bits : largest;
    }
  });
  if (ranges::is_suspect_target(largest)) store_shared(&block_state().suspect[thread()], true);
}

/// Without dice: the sum, and the gradient is written.
template <class Held>
ROI_GPU void add_cross_entropy(Held& pixels, const MaskParams& m, float scale, MaskSums& sums) {
  CrossEntropySum sum;
  float g[Held::kWidth];
  pixels.each_pixel(
      [&](float z, float y, int k) {
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
}

/// What the gradient of dice needs of a logit: t, with the logit's sign.
ROI_GPU float signed_tail(const Pixel<float>& p) { return negate_where(p.negative, p.tail); }

/// With dice, and cross-entropy or not. Leaves the tails for `write_gradient` in the place of the logits.
template <bool kCrossEntropy, class Held>
ROI_GPU void add_sums(Held& pixels, const MaskParams& m, MaskSums& sums) {
  CrossEntropySum sum;
  float mismatch = 0, overlap = 0;
  pixels.replace_logits(
      [&](float z, float y, int k) {
        const auto p = pixel(z, y);
        // σ(±∞) is finite: z·0 makes an infinite logit a NaN here as it is in the other losses.
        mismatch += dice::mismatch(p) + z * 0.0f;
        overlap += dice::overlap(p, y);
        if constexpr (kCrossEntropy) sum.add(p, smoothed_bce::minus_error(m.smoothing, p.error), k);
        return signed_tail(p);
      },
      [&](int v) {
        if constexpr (kCrossEntropy) sum.end(v);
      });
  sums.mismatch += static_cast<double>(mismatch);
  sums.overlap += static_cast<double>(overlap);
  if constexpr (kCrossEntropy) sums.cross_entropy += sum.value();
}

/// With dice, from the sums and the tails: writes the gradient.
template <bool kCrossEntropy, class Held>
ROI_GPU void write_gradient(Held& pixels, const MaskParams& m, float scale,
                            const dice::Derivative& derivative) {
  pixels.each([&](int v) {
    float g[Held::kWidth];
#pragma unroll
    for (int k = 0; k < Held::kWidth; k++) {
      const float left = pixels.z[v * Held::kWidth + k], y = pixels.y[v * Held::kWidth + k];
      Pixel<float> p;
      p.negative = gpu::bits_of(left) >> 31;  // of −0, too
      p.tail = magnitude(left);
      g[k] = dice::derivative(derivative, p.tail, y);
      if constexpr (kCrossEntropy) {
        const float minus_error = smoothed_bce::minus_error(m.smoothing, error_of(p.negative, y));
        g[k] += bce::derivative(p, minus_error, scale);
      }
    }
    pixels.store(m, v, g);
  });
}

/// Zeros in the channel of the gradient that the step before wrote.
template <class T>
ROI_GPU void clear(const MaskParams& m, const MaskRoi& roi) {
  const auto& s = m.grad_strides;
  const int64_t first = wide_multiply_add(roi.p, s.roi, int64_t{roi.stale_channel} * s.channel);
  write_zeros<T>(m, first, m.pixels, roi.rank * kWarp + lane(), m.warps * kWarp);
}

/// A RoI's sums, which its warps add at once.
struct alignas(16) MaskTotals {
  float cross_entropy, mismatch, overlap;
};
ROI_GPU MaskTotals shuffle_xor(const MaskTotals& x, int mask) {
  return {gpu::shuffle_xor(x.cross_entropy, mask), gpu::shuffle_xor(x.mismatch, mask),
          gpu::shuffle_xor(x.overlap, mask)};
}
ROI_GPU MaskTotals operator+(const MaskTotals& a, const MaskTotals& b) {
  return {a.cross_entropy + b.cross_entropy, a.mismatch + b.mismatch, a.overlap + b.overlap};
}

/// Over a RoI's threads, in all of them.
ROI_GPU MaskTotals totals_of_roi(const MaskParams& m, const MaskSums& sums) {
  MaskTotals totals{};
  if (has_cross_entropy(m)) totals.cross_entropy = warp_sum(static_cast<float>(sums.cross_entropy));
  if (has_dice(m)) {
    totals.mismatch = warp_sum(static_cast<float>(sums.mismatch));
    totals.overlap = warp_sum(static_cast<float>(sums.overlap));
  }
  return over_warps(totals, m.warps, block_state().scratch, Sum());
}

/// The loss of a RoI, in all of its threads. Its pieces come one by one; dice takes a second turn of all but
/// the last for their gradient, which needs the sums of all. One loop, so that each pass stands in the code
/// once.
template <class T, class Held>
ROI_GPU float mask_loss(const MaskParams& m, const MaskRoi& roi, float scale) {
  // Without a weight it adds nothing. For pixels that come one by one, code without it would be 2% of a
  // kernel, and a branch in the code with it becomes selections: more instructions, not fewer.
  const bool with_cross_entropy = Held::kWidth == 1 || has_cross_entropy(m);
  if (roi.stale_channel >= 0) clear<T>(m, roi);
  Held pixels;
  MaskSums sums;
  dice::Derivative derivative{};
  float loss = 0;
  const int pieces = m.pieces;
#pragma unroll 1
  for (int turn = 0; turn < m.turns; turn++) {
    pixels.start(m, roi, (turn < pieces ? turn : turn - pieces) * Held::kPiece);
    pixels.read(m);
    check_targets(pixels, m);
    if (m.metrics && turn < pieces) count_pixels(pixels);
    if (!has_dice(m))
      add_cross_entropy(pixels, m, scale * m.cross_entropy_pixel, sums);
    else
      with_cross_entropy ? add_sums<true>(pixels, m, sums) : add_sums<false>(pixels, m, sums);
    if (turn < pieces - 1) continue;
    if (turn == pieces - 1) {
      const MaskTotals totals = totals_of_roi(m, sums);
      if (has_cross_entropy(m)) loss = m.cross_entropy_pixel * totals.cross_entropy;
      if (has_dice(m)) {
        loss += m.dice * dice::value(totals.mismatch, totals.overlap, m.eps);
        derivative = dice::derivative(totals.mismatch, totals.overlap, m.eps, scale * m.dice);
      }
    }
    if (has_dice(m) && m.gradient)
      with_cross_entropy ? write_gradient<true>(pixels, m, scale * m.cross_entropy_pixel, derivative)
                         : write_gradient<false>(pixels, m, scale * m.cross_entropy_pixel, derivative);
  }
  return loss;
}

/// Of a tile whose pixels come one by one nothing is brought.
template <class T>
ROI_GPU void prefetch_mask_tile(const StepParams& params, int tile, const MaskLabel& known) {
  if (params.mask.together == 0) return;
  Pixels<T, 4> pixels;
  pixels.start(params.mask, mask_roi(params, tile, known), 0);
  pixels.prefetch(params.mask);
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
