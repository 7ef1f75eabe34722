#include "rows.h"

#include <type_traits>

#include "../formulas/bce.h"
#include "../formulas/dice.h"
#include "../formulas/smooth_l1.h"
#include "../formulas/smoothed_bce.h"
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

ROI_INLINE float max_of(const float* x, int64_t n) {
  Floats m(x[0]);
  for_each_vector(0, n, [&](int64_t i, auto lanes) { m = max(keep(load(x + i, lanes), lanes, m), m); });
  return max_of_lanes(m);
}

/// Below this Σ_{c ≠ u} exp(z_c − z_u), the label u is all but certain. The others can do with less.
constexpr float kAllButCertain = 0x1p-20f;

/// The exponentials of a row where one logit is the largest, and the sum of the others.
template <bool kGradient>
float exact_exponentials(const ClassRow& row, Floats largest) {
  double sum = 0;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Floats others(0.0f);
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Floats z = load(row.scores + i, lanes);
      const Floats exact = cross_entropy::exact_exponential(z, largest);
      others += keep(select(z < largest, exact, Floats(0.0f)), lanes);
      if constexpr (kGradient) store(row.grad + i, exact, lanes);
    });
    sum += sum_of_lanes(others);
  });
  return static_cast<float>(sum);
}

template <bool kGradient, bool kEven>
ROI_INLINE cross_entropy::Row exponentials(const ClassRow& row) {
  const float largest = max_of(row.scores, row.n);
  const float label_logit = row.scores[row.label];
  const float label_exp = exp_nonpositive(Floats(label_logit - largest)).v[0];
  double others_sum = 0, weighted_sum = 0;
  for_each_tile(row.n, [&](int64_t begin, int64_t end) {
    Floats others(0.0f), weighted(0.0f);
    for_each_vector(begin, end, [&](int64_t i, auto lanes) {
      const Floats z = load(row.scores + i, lanes);
      const Floats below = z - Floats(largest);
      const Floats e = exp_nonpositive(below);
      const Mask is_label{lane_numbers() == static_cast<int32_t>(row.label - i)};
      // z·0 makes −∞, whose exponential is finite, a NaN.
      others += keep(select(is_label, Floats(0.0f), e) + z * Floats(0.0f), lanes);
      if constexpr (kEven) {
        const Floats w = row.weights ? load(row.weights + i, lanes) : Floats(1.0f);
        weighted += keep(w * (Floats(0.0f) - below), lanes);
      }
      if constexpr (kGradient) store(row.grad + i, e, lanes);
    });
    others_sum += sum_of_lanes(others);
    if constexpr (kEven) weighted_sum += sum_of_lanes(weighted);
  });
  auto others = static_cast<float>(others_sum);
  float rest = cross_entropy::kNotSummed;
  if (label_logit == largest) {
    if (others < kAllButCertain) others = exact_exponentials<kGradient>(row, Floats(largest));
    rest = others;
  } else if (kEven && cross_entropy::needs_rest(row.target, others + label_exp)) {
    rest = exact_exponentials<kGradient>(row, Floats(largest));
  }
  return {largest, label_logit, label_exp, others, static_cast<float>(weighted_sum), rest};
}

template <bool kEven>
ROI_INLINE void softmax_gradient(const ClassRow& row, const cross_entropy::Row& sums) {
  const Floats normalize(1.0f / cross_entropy::sum_of_exp(sums)), scale(row.scale);
  for_each_vector(0, row.n, [&](int64_t i, auto lanes) {
    const Floats probability = load(row.grad + i, lanes) * normalize;
    const Floats w = kEven && row.weights ? load(row.weights + i, lanes) : Floats(1.0f);
    store(row.grad + i, cross_entropy::derivative(row.target, probability, w) * scale, lanes);
  });
  const float label_weight = row.weights ? row.weights[row.label] : 1.0f;
  row.grad[row.label] = row.scale * cross_entropy::label_derivative(row.target, sums, label_weight);
}

template <bool kGradient, bool kEven>
void cross_entropy_rows(ClassRow* rows, int64_t count) {
  // The logarithms come in a loop of their own: around a call no vector stays in its register.
  cross_entropy::Row sums[kClassBlock];
  for (int64_t i = 0; i < count; i++) {
    sums[i] = exponentials<kGradient, kEven>(rows[i]);
    if constexpr (kGradient) softmax_gradient<kEven>(rows[i], sums[i]);
  }
  for (int64_t i = 0; i < count; i++)
    rows[i].loss = static_cast<double>(cross_entropy::value(sums[i], rows[i].target));
}

void cross_entropy_loss(ClassRow* rows, int64_t count) {
  if (count == 0) return;
  const bool gradient = rows[0].grad, even = rows[0].target.even != 0.0f;
  const auto run = gradient ? (even ? cross_entropy_rows<true, true> : cross_entropy_rows<true, false>)
                            : (even ? cross_entropy_rows<false, true> : cross_entropy_rows<false, false>);
  run(rows, count);
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

void widen(const void* from, DType dtype, float* to, int64_t n) {
  if (dtype == DType::kUint8) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    for (int64_t i = 0; i < n; i++) to[i] = bytes[i] ? 1.0f : 0.0f;
  } else {
    const auto* halves = static_cast<const uint16_t*>(from);
    if (dtype == DType::kFloat16)
      for (int64_t i = 0; i < n; i++) to[i] = float_from_float16(halves[i]);
    else
      for (int64_t i = 0; i < n; i++) to[i] = float_from_bfloat16(halves[i]);
  }
}

void narrow(const float* from, void* to, DType dtype, int64_t n) {
  auto* halves = static_cast<uint16_t*>(to);
  if (dtype == DType::kFloat16)
    for (int64_t i = 0; i < n; i++) halves[i] = float16_from_float(from[i]);
  else
    for (int64_t i = 0; i < n; i++) halves[i] = bfloat16_from_float(from[i]);
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
