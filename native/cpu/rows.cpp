#include "rows.h"

#include <type_traits>

#include "../formulas/bce.h"
#include "../formulas/dice.h"
#include "../formulas/smooth_l1.h"
#include "../formulas/smoothed_bce.h"
#include "class_kernel.h"
#include "crop_kernel.h"
#include "half.h"
#include "mask_kinds.h"
#include "math.h"
#include "tiles.h"

namespace roi::ROI_SIMD {
namespace {

struct MaskSums {
  double cross_entropy = 0, mismatch = 0, overlap = 0;
  bool suspect = false;
};

/// The factor of the cross-entropy's gradient at a pixel.
float cross_entropy_scale(const MaskFormula& f, const MaskRow& row) {
  return static_cast<float>(row.scale * f.cross_entropy / static_cast<double>(row.n));
}

/// One pass over a RoI's pixels: the sums of its losses, and the gradient as far as it is known without the
/// sums. Dice needs them, so with dice `grad` is left holding t, all that is needed besides y; with both,
/// ±t, the sign being the logit's. The row comes by value: for all the compiler knows, a store to a gradient
/// could change one that the caller holds, whose pointers it would load again and again.
template <bool kCrossEntropy, bool kDice, bool kGradient, class Smoothing>
MaskSums mask_sums(const MaskFormula& f, const Smoothing smoothing, const MaskRow row) {
  const float scale = cross_entropy_scale(f, row);
  // A template's name alone would be called, not inlined.
  const auto plus = [](Floats a, Floats b) { return a + b; };
  const auto joint_decay = [](Floats a, Floats b) { return bce::joint_decay(a, b); };
  // With both losses the first pass has no register left; the second, which comes if there is a gradient,
  // has.
  constexpr bool kWatches = !(kCrossEntropy && kDice && kGradient);
  MaskSums sums;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Floats linear(0.0f), decay(0.0f), mismatch(0.0f), overlap(0.0f);
    UnitWatch targets;
    for_each_pair(begin, end, [&](int64_t i, auto lanes) {
      const auto z = load(row.logits + i, lanes);
      using F = std::remove_const_t<decltype(z)>;
      const F y = load(row.targets + i, lanes);
      if constexpr (kWatches) see(targets, y);
      auto p = pixel(z, y);  // a const one g++ would keep in memory
      if constexpr (kDice) {
        F mismatch_of_pixel = dice::mismatch(p);
        // σ(±∞) is finite: z·0 makes an infinite logit a NaN as it is in the other losses.
        if constexpr (!kCrossEntropy) mismatch_of_pixel = mismatch_of_pixel + z * F(0.0f);
        mismatch = folded(mismatch, keep(mismatch_of_pixel, lanes), plus);
        overlap = folded(overlap, keep(dice::overlap(p, y), lanes), plus);
        if constexpr (kGradient)
          store(row.grad + i, kCrossEntropy ? negate_where(p.negative, p.tail) : p.tail, lanes);
      }
      if constexpr (kCrossEntropy) {
        const F minus_error = smoothed_bce::minus_error(smoothing, p.error);
        linear = folded(linear, keep(bce::linear(p, minus_error), lanes), plus);
        decay = folded(decay, keep(p.decay, lanes), joint_decay);
        if constexpr (kGradient && !kDice)
          store(row.grad + i, bce::derivative(p, minus_error, F(scale)), lanes);
      }
    });
    if constexpr (kWatches) sums.suspect |= targets.saw_other();
    if constexpr (kCrossEntropy) sums.cross_entropy += sum_of_lanes(bce::value(linear, decay));
    if constexpr (kDice) {
      sums.mismatch += sum_of_lanes(mismatch);
      sums.overlap += sum_of_lanes(overlap);
    }
  });
  return sums;
}

/// The second pass of dice: `grad` from t, or ±t, to the gradient. With both losses returns whether a target
/// is suspect.
template <bool kCrossEntropy>
bool dice_gradient(const MaskFormula& f, const MaskRow row, const MaskSums& sums) {
  const auto smoothing = f.smoothing;
  const float scale = cross_entropy_scale(f, row);
  const auto derivative = dice::derivative(sums.mismatch, sums.overlap, f.eps, row.scale * f.dice);
  UnitWatch targets;
  for_each_pair(0, row.n, [&](int64_t i, auto lanes) {
    const auto left = load(row.grad + i, lanes);
    using F = std::remove_const_t<decltype(left)>;
    const F y = load(row.targets + i, lanes);
    if constexpr (kCrossEntropy) {
      see(targets, y);
      Pixel<F> p;
      p.negative = is_negative(left);
      p.tail = magnitude(left);
      const F minus_error = smoothed_bce::minus_error(smoothing, error_of(p.negative, y));
      const F entropy_grad = bce::derivative(p, minus_error, F(scale));
      store(row.grad + i, dice::derivative(derivative, p.tail, y) + entropy_grad, lanes);
    } else {
      store(row.grad + i, dice::derivative(derivative, left, y), lanes);
    }
  });
  return targets.saw_other();
}

template <bool kCrossEntropy, bool kDice, class Smoothing>
MaskLoss mask(const MaskFormula& f, Smoothing smoothing, const MaskRow& row) {
  MaskSums sums = row.grad ? mask_sums<kCrossEntropy, kDice, true>(f, smoothing, row)
                           : mask_sums<kCrossEntropy, kDice, false>(f, smoothing, row);
  double loss = 0;
  if constexpr (kCrossEntropy) loss += f.cross_entropy * sums.cross_entropy / static_cast<double>(row.n);
  if constexpr (kDice) {
    loss += f.dice * dice::value(sums.mismatch, sums.overlap, f.eps);
    if (row.grad) sums.suspect |= dice_gradient<kCrossEntropy>(f, row, sums);
  }
  return {loss, sums.suspect};
}

MaskLoss mask_loss(const MaskFormula& f, const MaskRow& row) {
  if (f.is_general) return mask_loss_of_kinds(f, row);
  constexpr smoothed_bce::Unsmoothed unsmoothed;
  if (f.cross_entropy == 0) return mask<false, true>(f, unsmoothed, row);
  if (f.dice != 0) return mask<true, true>(f, f.smoothing, row);
  if (f.smoothing.offset != 0) return mask<true, false>(f, f.smoothing, row);
  return mask<true, false>(f, unsmoothed, row);
}

void count_pixels(const float* logits, const float* targets, int64_t n, double* counters) {
  counters[kPixels] += static_cast<double>(n);
  for_each_tile(n, [&](int64_t begin, int64_t end) {
    Floats foreground(0.0f), false_positive(0.0f), false_negative(0.0f);
    const Floats one(1.0f), zero(0.0f);
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Mask predicted = load(logits + i, lanes) > zero;
      const Mask truth = load(targets + i, lanes) > Floats(0.5f);
      foreground += select(truth, one, zero);
      false_positive += select(predicted & ~truth, one, zero);
      false_negative += select(truth & ~predicted, one, zero);
    });
    counters[kPixelsForeground] += sum_of_lanes(foreground);
    counters[kPixelsFalsePositive] += sum_of_lanes(false_positive);
    counters[kPixelsFalseNegative] += sum_of_lanes(false_negative);
  });
}

double smooth_l1_loss(const BoxRow& row) {
  const FirstLanes box{4};
  const Floats d = load(row.deltas, box) - load(row.targets, box);
  if (row.grad) store(row.grad, smooth_l1::derivative(d, row.beta) * Floats(row.scale), box);
  return sum_of_lanes(keep(smooth_l1::value(d, row.beta), box));
}

ProbabilitiesLook look_at_probabilities(const float* p, int64_t n) {
  Floats sum(0.0f);
  UnitWatch watch;
  for_each_vector(0, n, [&](int64_t i, auto lanes) {
    const Floats x = load(p + i, lanes);
    sum += x * Floats(0.0f);
    watch.see(x);
  });
  return {sum_of_lanes(sum), watch.saw_other()};
}

template <class T>
void widen_from(const T* from, float* to, int64_t n) {
  for_each_vector(0, n, [&](int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
}

void widen(const void* from, DType dtype, float* to, int64_t n) {
  if (dtype == DType::kUint8)
    widen_from(static_cast<const Byte*>(from), to, n);
  else if (dtype == DType::kFloat16)
    widen_from(static_cast<const Float16*>(from), to, n);
  else
    widen_from(static_cast<const BFloat16*>(from), to, n);
}

template <class T>
void narrow_to(const float* from, T* to, int64_t n) {
  for_each_vector(0, n, [&](int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
}

void narrow(const float* from, void* to, DType dtype, int64_t n) {
  if (dtype == DType::kFloat16)
    narrow_to(from, static_cast<Float16*>(to), n);
  else
    narrow_to(from, static_cast<BFloat16*>(to), n);
}

void add(const float* a, const float* b, float* c, int64_t n) {
  for_each_vector(
      0, n, [&](int64_t i, auto lanes) { store(c + i, load(a + i, lanes) + load(b + i, lanes), lanes); });
}

}  // namespace

extern const RowKernels kRowKernels;
const RowKernels kRowKernels{
    .name = ROI_SIMD_NAME,
    .mask = mask_loss,
    .count_pixels = count_pixels,
    .cross_entropy = cross_entropy_loss,
    .smooth_l1 = smooth_l1_loss,
    .look_at_probabilities = look_at_probabilities,
    .widen = widen,
    .narrow = narrow,
    .add = add,
    .crop = crop_rows,
};

}  // namespace roi::ROI_SIMD
