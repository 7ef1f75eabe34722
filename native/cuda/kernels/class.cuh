#pragma once

#include "elements.cuh"
#include "factors.cuh"
#include "math.cuh"

// After math.cuh.
#include "../../formulas/cross_entropy.h"

// The class loss: a tile of rows at a time, a warp a row. Rows of an odd number of classes begin anywhere,
// but a tile of them begins at a multiple of 16 bytes: it comes through shared memory, 16 bytes a thread.
// Rows too long for that are read where they lie.

namespace roi::cuda {

/// A row of scores: in shared memory, where its gradient takes their place, or where it lies.
template <class T>
struct ClassScores {
  float* staged;  ///< null where the row is too long
  const void* scores;
  void* grad;
  int64_t first;

  ROI_GPU float get(int c) const {
    if (staged) return load_shared(staged + c);
    return Element<T>::widen(load(static_cast<const typename Element<T>::Word*>(scores) + first + c));
  }
  ROI_GPU void put(int c, float x) const {
    staged ? store_shared(staged + c, x) : store_floats<T, 1>(grad, first + c, &x);
  }
};

ROI_GPU float class_weight(const ClassParams& term, int c) {
  return term.weights ? load(term.weights + c) : 1.0f;
}

/// One row, by one warp.
struct ClassRow {
  const ClassParams& term;
  int classes, label;
  float scale;  ///< the gradient's factor

  ROI_GPU cross_entropy::Target target() const {
    return cross_entropy::target(class_weight(term, label), term.weight_sum, term.label_smoothing,
                                 static_cast<float>(classes));
  }

  /// Calls visit(c) for each class of the lane.
  template <class Visit>
  ROI_GPU void each(Visit visit) const {
#pragma unroll 1
    for (int c = lane(); c < classes; c += kWarp) visit(c);
  }

  template <class Row>
  ROI_GPU float from_logits(const Row& row) const {
    const cross_entropy::Target q = target();
    float largest = row.get(0);
    each([&](int c) {
      const float z = row.get(c);
      largest = z > largest ? z : largest;
    });
    largest = warp_max(largest);
    float others = 0, weighted = 0;
    each([&](int c) {
      const float z = row.get(c);
      // z·0 makes −∞, whose exponential is finite, a NaN.
      others += (c == label ? 0.0f : cross_entropy::exact_exponential(z, largest)) + z * 0.0f;
      if (q.even != 0.0f) weighted += class_weight(term, c) * (largest - z);
    });
    const float label_logit = row.get(label), label_exp = exp_nonpositive(label_logit - largest);
    others = warp_sum(others);
    float rest = label_logit == largest ? others : cross_entropy::kNotSummed;
    if (rest == cross_entropy::kNotSummed && cross_entropy::needs_rest(q, others + label_exp)) {
      rest = 0;
      each([&](int c) {
        const float z = row.get(c);
        if (z < largest) rest += cross_entropy::exact_exponential(z, largest);
      });
      rest = warp_sum(rest);
    }
    const cross_entropy::Row sums{largest, label_logit, label_exp, others, warp_sum(weighted), rest};
    if (term.gradient) {
      const float normalize = 1.0f / cross_entropy::sum_of_exp(sums);
      warp_barrier();  // all lanes have read what they are about to overwrite
      each([&](int c) {
        const float w = q.even != 0.0f ? class_weight(term, c) : 1.0f;
        const float g = c == label
                            ? cross_entropy::label_derivative(q, sums, class_weight(term, label))
                            : cross_entropy::derivative(
                                  q, cross_entropy::exact_exponential(row.get(c), largest) * normalize, w);
        row.put(c, g * scale);
      });
    }
    return cross_entropy::value(sums, q);
  }

  template <class Row>
  ROI_GPU float from_probabilities(const Row& row) const {
    const cross_entropy::Target q = target();
    // Only p_u enters the formula, but a row with a NaN or an infinity is no distribution.
    float poison = 0;
    each([&](int c) { poison += row.get(c) * 0.0f; });
    poison = warp_sum(poison);
    warp_barrier();  // all lanes have read what they are about to overwrite
    float loss = 0;
    each([&](int c) {
      const float share = cross_entropy::share(q, c == label, class_weight(term, c)) + poison;
      const float p = cross_entropy::clamped(row.get(c), term.eps);
      if (share != 0.0f) loss += cross_entropy::probability_value(share, p);
      if (term.gradient)
        row.put(c, share != 0.0f ? scale * cross_entropy::probability_derivative(share, p) : 0.0f);
    });
    return warp_sum(loss) + poison;
  }

  /// The scores are looked at before the gradient takes their place.
  template <class Row>
  ROI_GPU void count_roi(const Row& row) const {
    float best = row.get(0);
    int best_at = 0;
    each([&](int c) {
      const float z = row.get(c);
      if (z > best) best = z, best_at = c;
    });
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      const float other = shuffle_xor(best, distance);
      const int other_at = shuffle_xor(best_at, distance);
      if (other > best || (other == best && other_at < best_at)) best = other, best_at = other_at;
    }
    if (lane() != 0) return;
    const bool right = best_at == label, foreground = label >= 1;
    count(kRois, 1);
    count(kRoisRight, right);
    count(kForeground, foreground);
    count(kForegroundRight, foreground && right);
    count(kForegroundMissed, foreground && best_at == 0);
  }
};

/// The loss of RoI r, by one warp.
template <class Row>
ROI_GPU float class_row(const StepParams& params, int r, int label, const Row& row) {
  const ClassParams& term = params.cls;
  if (label >= 0 && label < params.classes) {
    const ClassRow roi{term, params.classes, label, grad_scale(term, block_state().cls, r)};
    if (term.metrics) roi.count_roi(row);
    return finite_or_nan(term.probabilities ? roi.from_probabilities(row) : roi.from_logits(row));
  }
  if (term.gradient)
    for (int c = lane(); c < params.classes; c += kWarp) row.put(c, 0);
  return 0;
}

/// Copies n elements of a tensor, from `first` on, to or from shared memory, by the whole block.
template <class T, int kWidth>
ROI_GPU void stage(const void* tensor, int64_t first, int n, float* staged) {
#pragma unroll 1
  for (int i = thread() * kWidth; i < n; i += kBlock * kWidth) {
    float x[kWidth];
    load_floats<T, kWidth>(tensor, first + i, x);
    if constexpr (kWidth == 4)
      store_shared(reinterpret_cast<float4*>(staged + i), float4{x[0], x[1], x[2], x[3]});
    else
      store_shared(staged + i, x[0]);
  }
}
template <class T, int kWidth>
ROI_GPU void unstage(const float* staged, int n, void* tensor, int64_t first) {
#pragma unroll 1
  for (int i = thread() * kWidth; i < n; i += kBlock * kWidth) {
    float x[kWidth];
    if constexpr (kWidth == 4) {
      const float4 quad = load_shared(reinterpret_cast<const float4*>(staged + i));
      x[0] = quad.x, x[1] = quad.y, x[2] = quad.z, x[3] = quad.w;
    } else {
      x[0] = load_shared(staged + i);
    }
    store_floats<T, kWidth>(tensor, first + i, x);
  }
}

/// A tile of rows.
template <class T>
ROI_GPU void class_tile(const StepParams& params, int tile) {
  const ClassParams& term = params.cls;
  BlockState& state = block_state();
  const int begin = tile * kClassTile;
  const int rows = begin + kClassTile < params.rois ? kClassTile : params.rois - begin;
  const int64_t first = int64_t{begin} * params.classes;
  const int n = rows * params.classes;
  // The end of an incomplete tile need not be a multiple of 4.
  const bool vector = term.vector && n % 4 == 0;
  float* staged = params.classes > kMaxStagedClasses ? nullptr : staged_rows();
  // Labels and losses of the tile's rows lie together: one access for all of them.
  if (thread() < rows) {
    const int label = load(params.labels + begin + thread());
    if (is_bad(label, params.classes)) report_bad_label(params, false, begin + thread());
    store_shared(&state.class_labels[thread()], label);
  }
  if (staged)
    vector ? stage<T, 4>(term.scores, first, n, staged) : stage<T, 1>(term.scores, first, n, staged);
  block_barrier();
  if (warp() < rows) {
    const ClassScores<T> row{staged ? staged + warp() * params.classes : nullptr, term.scores, term.grad,
                             first + warp() * params.classes};
    const float loss = class_row(params, begin + warp(), load_shared(&state.class_labels[warp()]), row);
    if (lane() == 0) store_shared(&state.class_losses[warp()], loss);
  }
  block_barrier();
  if (thread() < rows)
    store_loss(term, state.cls, begin + thread(), load_shared(&state.class_losses[thread()]));
  if (staged && term.gradient)
    vector ? unstage<T, 4>(staged, n, term.grad, first) : unstage<T, 1>(staged, n, term.grad, first);
  block_barrier();  // before the next tile takes the room
}

}  // namespace roi::cuda
