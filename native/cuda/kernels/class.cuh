#pragma once

#include "math.cuh"
#include "staged.cuh"

// After math.cuh.
#include "../../formulas/cross_entropy.h"
#include "../../formulas/ranges.h"

// The class loss: a tile of eight rows at a time, a warp each, or of one that the block has to itself. Rows
// of an odd number of classes begin anywhere: they come through shared memory, in the widest accesses there
// are. Rows too long for that are read where they lie, from the cache from the second time on.

namespace roi::cuda {

/// A row of scores: in shared memory, where its gradient takes their place, or where it lies.
template <class T>
struct ClassScores {
  using Word = typename Element<T>::Word;
  Word* staged;  ///< null where the row is too long
  const Word* scores;
  Word* grad;

  ROI_GPU float get(int c) const {
    return Element<T>::widen(staged ? load_shared(staged + c) : load(scores + c));
  }
  ROI_GPU void put(int c, float x) const {
    staged ? store_shared(staged + c, Element<T>::narrow(x)) : store_once(grad + c, Element<T>::narrow(x));
  }
};

/// The class with the largest score; of several the first, background after all others, as detectron2 has it.
struct BestClass {
  float score;
  int at;  ///< C is background
};
ROI_GPU BestClass shuffle_xor(BestClass x, int mask) {
  return {gpu::shuffle_xor(x.score, mask), gpu::shuffle_xor(x.at, mask)};
}
struct Better {
  ROI_GPU BestClass operator()(BestClass a, BestClass b) const {
    return b.score > a.score || (b.score == a.score && b.at < a.at) ? b : a;
  }
};

ROI_GPU float class_weight(const ClassParams& term, int c) {
  return term.weights ? load(term.weights + c) : 1.0f;
}

/// Of a thread among those of a row, which has one warp or all.
ROI_GPU int rank_in_row(int warps) { return warps == 1 ? lane() : thread(); }

/// One row, by its warps.
struct ClassRow {
  const ClassParams& term;
  int warps, classes, label;
  float scale;  ///< the gradient's factor

  ROI_GPU void barrier() const { warps == 1 ? warp_barrier() : block_barrier(); }
  /// Over the row's threads, in all of them.
  template <class X, class Combine>
  ROI_GPU X all(X x, Combine combine) const {
    return over_warps(over_lanes(x, kWarp, combine), warps, block_state().scratch, combine);
  }

  ROI_GPU cross_entropy::Target target() const {
    return cross_entropy::target(class_weight(term, label), term.weight_sum, term.label_smoothing,
                                 static_cast<float>(classes));
  }

  /// Calls visit(c) for each class of the thread.
  template <class Visit>
  ROI_GPU void each(Visit visit) const {
#pragma unroll 1
    for (int c = rank_in_row(warps); c < classes; c += warps * kWarp) visit(c);
  }

  template <class Row>
  ROI_GPU float from_logits(const Row& row) const {
    const cross_entropy::Target q = target();
    float largest = row.get(0);
    each([&](int c) { largest = Largest()(largest, row.get(c)); });
    largest = all(largest, Largest());
    float others = 0, weighted = 0;
    each([&](int c) {
      const float z = row.get(c);
      // z·0 makes −∞, whose exponential is finite, a NaN.
      others += (c == label ? 0.0f : cross_entropy::exact_exponential(z, largest)) + z * 0.0f;
      if (q.even != 0.0f) weighted += class_weight(term, c) * (largest - z);
    });
    const float label_logit = row.get(label), label_exp = exp_nonpositive(label_logit - largest);
    others = all(others, Sum());
    float rest = label_logit == largest ? others : cross_entropy::kNotSummed;
    if (rest == cross_entropy::kNotSummed && cross_entropy::needs_rest(q, others + label_exp)) {
      rest = 0;
      each([&](int c) {
        const float z = row.get(c);
        if (z < largest) rest += cross_entropy::exact_exponential(z, largest);
      });
      rest = all(rest, Sum());
    }
    const cross_entropy::Row sums{
        largest, label_logit, label_exp, others, q.even != 0.0f ? all(weighted, Sum()) : 0.0f, rest};
    if (term.gradient) {
      const float normalize = 1.0f / cross_entropy::sum_of_exp(sums);
      barrier();  // all have read what they are about to overwrite
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
  ROI_GPU float from_probabilities(const Row& row, const StepParams& params, int r) const {
    const cross_entropy::Target q = target();
    // Only p_u enters the formula, but a row with a NaN or an infinity is no distribution.
    float poison = 0;
    each([&](int c) {
      const float p = row.get(c);
      poison += p * 0.0f;
      if (ranges::is_bad_probability(p))
        report_bad(params, CheckedInput::kClassProbs, int64_t{r} * classes + c);
    });
    poison = all(poison, Sum());
    barrier();  // all have read what they are about to overwrite
    float loss = 0;
    each([&](int c) {
      const float share = cross_entropy::share(q, c == label, class_weight(term, c)) + poison;
      const float p = cross_entropy::clamped(row.get(c), term.eps);
      if (share != 0.0f) loss += cross_entropy::probability_value(share, p);
      if (term.gradient)
        row.put(c, share != 0.0f ? scale * cross_entropy::probability_derivative(share, p) : 0.0f);
    });
    return all(loss, Sum()) + poison;
  }

  /// The scores are looked at before the gradient takes their place.
  template <class Row>
  ROI_GPU void count_roi(const Row& row) const {
    BestClass best{row.get(0), classes};
    each([&](int c) {
      if (c > 0) best = Better()(best, {row.get(c), c});
    });
    best = all(best, Better());
    if (rank_in_row(warps) != 0) return;
    const int predicted = best.at == classes ? 0 : best.at;
    const bool right = predicted == label, foreground = label >= 1;
    count(kRois, 1);
    count(kRoisRight, right);
    count(kForeground, foreground);
    count(kForegroundRight, foreground && right);
    count(kForegroundMissed, foreground && predicted == 0);
  }
};

/// The loss of RoI r, in all threads of its row.
template <class Row>
ROI_GPU float class_row(const StepParams& params, int r, int label, int warps, const Row& row) {
  const ClassParams& term = params.cls;
  ClassRow roi{term, warps, params.classes, label, 0};
  if (label >= 0 && label < params.classes) {
    roi.scale = grad_scale(term, block_state().cls, r);
    if (term.metrics) roi.count_roi(row);
    return finite_or_nan(term.probabilities ? roi.from_probabilities(row, params, r) : roi.from_logits(row));
  }
  if (term.gradient) roi.each([&](int c) { row.put(c, 0); });
  return 0;
}

/// The rows of a tile: the first, and how many elements they have.
struct ClassTile {
  int begin, rows, n;
  int64_t first;

  ROI_GPU ClassTile(const StepParams& params, int tile) {
    begin = tile * params.cls.tile;
    rows = begin + params.cls.tile < params.rois ? params.cls.tile : params.rois - begin;
    n = rows * params.classes;
    first = int64_t{begin} * params.classes;
  }
};

template <class T>
ROI_GPU void prefetch_class_tile(const StepParams& params, int tile) {
  using Word = typename Element<T>::Word;
  const ClassTile rows(params, tile);
  const Word* scores = static_cast<const Word*>(params.cls.scores) + rows.first;
  constexpr int kLine = 128 / sizeof(Word);
#pragma unroll 1
  for (int i = thread() * kLine; i < rows.n; i += kBlock * kLine) prefetch(scores + i);
}

/// A tile of rows.
template <class T>
ROI_GPU void class_tile(const StepParams& params, int tile) {
  using Word = typename Element<T>::Word;
  const ClassParams& term = params.cls;
  BlockState& state = block_state();
  const auto [begin, rows, n, first] = ClassTile(params, tile);
  const int warps = term.tile == 1 ? kWarps : 1, row = term.tile == 1 ? 0 : warp();
  const Word* scores = static_cast<const Word*>(term.scores) + first;
  Word* grad = static_cast<Word*>(term.grad) + first;
  Word* staged = term.staged_bytes > 0 ? staged_rows<Word>() + words_off(scores) : nullptr;
  // Labels and losses of the tile's rows lie together: one access for all of them.
  if (thread() < rows) {
    const int label = load(params.labels + begin + thread());
    if (is_bad(label, params.classes)) report_bad_label(params, false, begin + thread());
    store_shared(&state.class_labels[thread()], label);
  }
  if (staged) stage(scores, n, staged);
  block_barrier();
  if (row < rows) {
    const int at = row * params.classes;
    const ClassScores<T> of_row{staged ? staged + at : nullptr, scores + at, grad + at};
    const float loss = class_row(params, begin + row, load_shared(&state.class_labels[row]), warps, of_row);
    if (rank_in_row(warps) == 0) store_shared(&state.class_losses[row], loss);
  }
  block_barrier();
  if (thread() < rows)
    store_loss(term, state.cls, begin + thread(), load_shared(&state.class_losses[thread()]));
  if (staged && term.gradient) unstage(staged, n, scores, grad);
  block_barrier();  // before the next tile takes the room
}

}  // namespace roi::cuda
