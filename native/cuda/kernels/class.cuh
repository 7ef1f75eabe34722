#pragma once

#include "math.cuh"
#include "staged.cuh"

// After math.cuh.
#include "../../formulas/cross_entropy.h"
#include "../../formulas/ranges.h"

// The class loss: a tile of eight rows at a time, a warp each, or of one that the block has to itself. Rows
// of an odd number of classes begin anywhere: they come through shared memory, in the widest accesses there
// are. Rows too long for that are read where they lie, from the cache from the second time on. Of up to 128
// classes a lane holds four, and takes the exponential of each once.

namespace roi::cuda {

/// A row of scores: in shared memory, where its gradient takes their place, or where it lies.
template <class T>
struct ClassScores {
  static constexpr bool kHeld = false;
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
  /// Calls visit(c, score, exponential) for each class of the thread, `rank` among `threads`. What visit
  /// leaves in the last is lost.
  template <class Visit>
  ROI_GPU void each(int rank, int threads, int classes, Visit visit) {
#pragma unroll 1
    for (int c = rank; c < classes; c += threads) {
      float exponential;
      visit(c, get(c), exponential);
    }
  }
};

/// A row in shared memory whose scores its warp holds, with their exponentials.
template <class T>
struct HeldScores {
  static constexpr bool kHeld = true;
  static constexpr int kMost = kHeldClasses / kWarp;  ///< of a lane
  using Word = typename Element<T>::Word;
  Word* staged;
  float score[kMost], exponential[kMost];

  ROI_GPU HeldScores(Word* staged, int classes) : staged(staged) {
    const float first = get(0);
    each(lane(), kWarp, classes, [&](int c, float& x, float&) { x = c < classes ? get(c) : first; });
  }
  ROI_GPU float get(int c) const { return Element<T>::widen(load_shared(staged + c)); }
  ROI_GPU void put(int c, float x) const { store_shared(staged + c, Element<T>::narrow(x)); }
  /// Also for classes that are not there: their score is that of the row's first.
  template <class Visit>
  ROI_GPU void each(int rank, int, int classes, Visit visit) {
#pragma unroll
    for (int k = 0; k < kMost; k++)
      if (k * kWarp < classes) visit(rank + k * kWarp, score[k], exponential[k]);
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
    return {term.label_share * class_weight(term, label), term.even, term.even_total};
  }

  /// Calls visit(c, score, exponential) for each class of the thread.
  template <class Row, class Visit>
  ROI_GPU void each(Row& row, Visit visit) const {
    row.each(rank_in_row(warps), warps * kWarp, classes, visit);
  }

  /// The loss, in the row's first thread.
  template <class Row>
  ROI_GPU float from_logits(Row row) const {
    const cross_entropy::Target q = target();
    const auto is_there = [&](int c) { return !Row::kHeld || c < classes; };
    const bool smooth = q.even != 0.0f;
    const float label_logit = row.get(label);
    float largest = row.get(0);
    each(row, [&](int, float z, float&) { largest = Largest()(largest, z); });
    largest = all(largest, Largest());
    float others = 0;
    each(row, [&](int c, float z, float& e) {
      e = c != label && is_there(c) ? cross_entropy::exact_exponential(z, largest) : 0.0f;
      // z·0 makes −∞, whose exponential is finite, a NaN.
      others += e + z * 0.0f;
    });
    const float label_exp = exp_nonpositive(label_logit - largest);
    others = all(others, Sum());
    float rest = label_logit == largest ? others : cross_entropy::kNotSummed;
    if (rest == cross_entropy::kNotSummed && cross_entropy::needs_rest(q, others + label_exp)) {
      rest = 0;
      each(row, [&](int c, float z, float&) {
        if (z < largest && is_there(c)) rest += cross_entropy::exact_exponential(z, largest);
      });
      rest = all(rest, Sum());
    }
    float weighted = 0;
    if (smooth) {
      each(row, [&](int c, float z, float&) {
        if (is_there(c)) weighted += class_weight(term, c) * (largest - z);
      });
      weighted = all(weighted, Sum());
    }
    const cross_entropy::Row sums{largest, label_logit, label_exp, others, weighted, rest};
    if (term.gradient) {
      const float normalize = 1.0f / cross_entropy::sum_of_exp(sums);
      barrier();  // all have read what they are about to overwrite
      const auto write_gradient = [&](auto weight_of) {
        each(row, [&](int c, float z, float& held) {
          if (!is_there(c)) return;
          const float e = Row::kHeld ? held : cross_entropy::exact_exponential(z, largest);
          row.put(c, cross_entropy::derivative(q, e * normalize, weight_of(c)) * scale);
        });
      };
      if (smooth && term.weights)
        write_gradient([&](int c) { return class_weight(term, c); });
      else
        write_gradient([](int) { return 1.0f; });
      // Over what its thread has put there.
      if (rank_in_row(warps) == static_cast<int>(static_cast<unsigned>(label) % (warps * kWarp)))
        row.put(label, cross_entropy::label_derivative(q, sums, class_weight(term, label)) * scale);
    }
    return rank_in_row(warps) == 0 ? cross_entropy::value(sums, q) : 0.0f;
  }

  template <class Row>
  ROI_GPU float from_probabilities(Row row, const StepParams& params, int r) const {
    const cross_entropy::Target q = target();
    // Only p_u enters the formula, but a row with a NaN or an infinity is no distribution.
    float poison = 0;
    each(row, [&](int c, float p, float&) {
      poison += p * 0.0f;
      if (ranges::is_bad_probability(p))
        report_bad(params, CheckedInput::kClassProbs, int64_t{r} * classes + c);
    });
    poison = all(poison, Sum());
    barrier();  // all have read what they are about to overwrite
    float loss = 0;
    each(row, [&](int c, float p, float&) {
      const float share = cross_entropy::share(q, c == label, class_weight(term, c)) + poison;
      const float clamped = cross_entropy::clamped(p, term.eps);
      if (share != 0.0f) loss += cross_entropy::probability_value(share, clamped);
      if (term.gradient)
        row.put(c, share != 0.0f ? scale * cross_entropy::probability_derivative(share, clamped) : 0.0f);
    });
    return all(loss, Sum()) + poison;
  }

  /// The scores are looked at before the gradient takes their place.
  template <class Row>
  ROI_GPU void count_roi(Row row) const {
    BestClass best{row.get(0), classes};
    each(row, [&](int c, float z, float&) {
      if (c > 0) best = Better()(best, {z, c});
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

/// The loss of RoI r, in the first thread of its row.
template <bool kHeld, class T>
ROI_GPU float class_row(const StepParams& params, int r, int label, int warps, ClassScores<T> row) {
  const ClassParams& term = params.cls;
  ClassRow roi{term, warps, params.classes, label, 0};
  if (static_cast<unsigned>(label) >= static_cast<unsigned>(params.classes)) {
    if (term.gradient) roi.each(row, [&](int c, float, float&) { row.put(c, 0); });
    return 0;
  }
  roi.scale = grad_scale(term, block_state().cls, r);
  if (term.metrics) roi.count_roi(row);
  if constexpr (kHeld)
    return finite_or_nan(roi.from_logits(HeldScores<T>(row.staged, params.classes)));
  else
    return finite_or_nan(term.probabilities ? roi.from_probabilities(row, params, r) : roi.from_logits(row));
}

/// The rows of a tile: the first, how many, and how many elements they have.
struct ClassTile {
  int begin, rows, n;
  int64_t first;

  ROI_GPU ClassTile(const StepParams& params, int tile, int rows_of_tile) {
    begin = tile * rows_of_tile;
    rows = begin + rows_of_tile < params.rois ? rows_of_tile : params.rois - begin;
    n = rows * params.classes;
    first = int64_t{begin} * params.classes;
  }
};

template <class T>
ROI_GPU void prefetch_class_tile(const StepParams& params, int tile) {
  using Word = typename Element<T>::Word;
  const ClassTile rows(params, tile, params.cls.tile);
  const Word* scores = static_cast<const Word*>(params.cls.scores) + rows.first;
  constexpr int kLine = 128 / sizeof(Word);
#pragma unroll 1
  for (int i = thread() * kLine; i < rows.n; i += kBlock * kLine) prefetch(scores + i);
}

/// A tile of rows. Held ones are always eight, and come through shared memory.
template <class T, bool kHeld>
ROI_GPU void class_tile(const StepParams& params, int tile) {
  using Word = typename Element<T>::Word;
  const ClassParams& term = params.cls;
  BlockState& state = block_state();
  const bool one_each = kHeld || term.tile != 1, through_shared = kHeld || term.staged_bytes > 0;
  const ClassTile rows(params, tile, one_each ? kClassTile : 1);
  const int warps = one_each ? 1 : kWarps, row = one_each ? warp() : 0;
  const Word* scores = static_cast<const Word*>(term.scores) + rows.first;
  Word* grad = static_cast<Word*>(term.grad) + rows.first;
  Word* staged = through_shared ? staged_rows<Word>() + words_off(scores) : nullptr;
  // The tiles of an aligned tensor are too, where they are whole chunks.
  const bool whole = term.aligned && are_chunks_of_block<Word>(rows.n);
  // Labels and losses of the tile's rows lie together: one access for all of them.
  if (thread() < rows.rows) {
    const int label = load(params.labels + rows.begin + thread());
    if (is_bad(label, params.classes)) report_bad_label(params, false, rows.begin + thread());
    store_shared(&state.class_labels[thread()], label);
  }
  if (through_shared) stage(scores, rows.n, staged, whole);
  block_barrier();
  if (row < rows.rows) {
    const int at = row * params.classes;
    const ClassScores<T> of_row{through_shared ? staged + at : nullptr, kHeld ? nullptr : scores + at,
                                kHeld ? nullptr : grad + at};
    const float loss =
        class_row<kHeld>(params, rows.begin + row, load_shared(&state.class_labels[row]), warps, of_row);
    if (rank_in_row(warps) == 0) store_shared(&state.class_losses[row], loss);
  }
  block_barrier();
  if (thread() < rows.rows)
    store_loss(term, state.cls, rows.begin + thread(), load_shared(&state.class_losses[thread()]));
  if (through_shared && term.gradient) unstage(staged, rows.n, scores, grad, whole);
  block_barrier();  // before the next tile takes the room
}

}  // namespace roi::cuda
