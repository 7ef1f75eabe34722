#pragma once

#include "mask.cuh"

// The general way of a RoI's mask, for any kind of loss: a pass for the sums of each kind, and one that
// computes each pixel again and writes the gradient. Pixels come one by one, from the cache but for the first
// time, and none is held: there are no registers beside those of the loops in mask.cuh. All of a block take
// the same kinds.

namespace roi::cuda {

template <class K>
struct KindSlope {
  typename K::Slope slope;
};

/// Calls visit(K()) for each kind of the list that has a weight.
template <class... K, class Visit>
ROI_GPU void each_chosen(Kinds<K...>, const MaskParams& m, Visit visit) {
  const auto try_kind = [&](auto kind) {
    if (m.kinds.template of<decltype(kind)>().weight != 0.0f) visit(kind);
  };
  (try_kind(K()), ...);
}

/// The pixels of a lane: where they lie, and how many there are for the warp.
template <class T>
struct LanePixels {
  using Word = typename Element<T>::Word;
  const MaskParams& m;
  int begin, end;
  int64_t logits, targets, grad;

  ROI_GPU LanePixels(const MaskParams& m, const MaskRoi& roi) : m(m) {
    const int share = roi.rank * m.share;
    begin = share + lane();
    end = !roi.foreground ? 0 : share + m.share < m.pixels ? share + m.share : m.pixels;
    const auto first = [&](const MaskStrides& s, int channel) {
      return int64_t{roi.p} * s.roi + channel * s.channel;
    };
    logits = first(m.logit_strides, roi.logit_channel);
    targets = int64_t{roi.p} * m.pixels;
    grad = first(m.grad_strides, roi.grad_channel);
  }
  ROI_GPU float logit(int i) const {
    float z;
    load_floats<T, 1>(m.logits, logits + int64_t{i} * m.logit_strides.pixel, &z);
    return z;
  }
  ROI_GPU float target(int i) const { return mask_target(m, targets + i); }
  ROI_GPU void put(int i, float g) const {
    store_floats<T, 1>(m.grad, grad + int64_t{i} * m.grad_strides.pixel, &g);
  }
};

/// Notes whether a target is suspect, and counts the pixels where metrics are asked for.
template <class T>
ROI_GPU void look_at_pixels(const LanePixels<T>& pixels, const MaskParams& m) {
  bool suspect = false;
  int foreground = 0, false_positive = 0, false_negative = 0;
#pragma unroll 1
  for (int i = pixels.begin; i < pixels.end; i += kWarp) {
    const float y = pixels.target(i);
    suspect = suspect || ranges::is_suspect_target(bits_of(y));
    if (!m.metrics) continue;
    const bool predicted = pixels.logit(i) > 0.0f, truth = y > 0.5f;
    foreground += truth;
    false_positive += predicted && !truth;
    false_negative += truth && !predicted;
  }
  if (suspect) store_shared(&block_state().suspect[thread()], true);
  if (!m.metrics) return;
  const auto leave = [](Counter counter, int n) {
    const int sum = warp_sum(n);
    if (lane() == 0) count(counter, static_cast<unsigned long long>(sum));
  };
  leave(kPixelsForeground, foreground);
  leave(kPixelsFalsePositive, false_positive);
  leave(kPixelsFalseNegative, false_negative);
}

/// A kind's sums over the pixels of a RoI, in all of its threads. Pieces are added in double: the error does
/// not grow with the mask.
template <class K, class T>
ROI_GPU Values<float, K::kSums> sums_of_roi(const LanePixels<T>& pixels, const MaskParams& m) {
  constexpr int kPiece = 32 * kWarp;
  Values<double, K::kSums> sums{};
#pragma unroll 1
  for (int first = pixels.begin; first < pixels.end; first += kPiece) {
    const int end = first + kPiece < pixels.end ? first + kPiece : pixels.end;
    Values<float, K::kSums> of_piece{};
#pragma unroll 1
    for (int i = first; i < end; i += kWarp) {
      const float z = pixels.logit(i), y = pixels.target(i);
      const auto of_pixel = K::add(pixel(z, y), y, m.kinds.template of<K>().options);
      // σ(±∞) is finite: z·0 makes an infinite logit a NaN whatever the kind makes of it.
      of_piece[0] += z * 0.0f;
#pragma unroll
      for (int s = 0; s < K::kSums; s++) of_piece[s] += of_pixel[s];
    }
#pragma unroll
    for (int s = 0; s < K::kSums; s++) sums[s] += static_cast<double>(of_piece[s]);
  }
  Values<float, K::kSums> totals;
#pragma unroll
  for (int s = 0; s < K::kSums; s++)
    totals[s] = over_warps(warp_sum(static_cast<float>(sums[s])), m.warps, block_state().scratch, Sum());
  return totals;
}

template <class T>
ROI_GPU float mask_loss_of_kinds(const MaskParams& m, const MaskRoi& roi, float scale) {
  if (roi.stale_channel >= 0) clear<T>(m, roi);
  const LanePixels<T> pixels(m, roi);
  look_at_pixels(pixels, m);
  const auto all_pixels = static_cast<float>(m.pixels);
  MaskLosses::All<KindSlope> slopes{};
  float loss = 0;
  each_chosen(MaskLosses(), m, [&](auto kind) {
    using K = decltype(kind);
    const auto& chosen = m.kinds.template of<K>();
    const auto sums = sums_of_roi<K>(pixels, m);
    loss += chosen.weight * K::value(sums, all_pixels, chosen.options);
    slopes.template of<K>().slope = K::slope(sums, all_pixels, chosen.options, scale * chosen.weight);
  });
  if (!m.gradient) return loss;
#pragma unroll 1
  for (int i = pixels.begin; i < pixels.end; i += kWarp) {
    const float y = pixels.target(i);
    const auto p = pixel(pixels.logit(i), y);
    float g = 0;
    each_chosen(MaskLosses(), m, [&](auto kind) {
      using K = decltype(kind);
      g += K::derivative(slopes.template of<K>().slope, p, y);
    });
    pixels.put(i, g);
  }
  return loss;
}

}  // namespace roi::cuda
