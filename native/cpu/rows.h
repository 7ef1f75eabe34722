#pragma once

#include <cstdint>

#include "../formulas/cross_entropy.h"
#include "../formulas/smoothed_bce.h"
#include "../problem.h"
#include "crop_rows.h"

// The inner loops of the CPU backend: one row of floats each, no threads, no labels, no allocation. rows.cpp
// is compiled once per instruction set; `rows()` is the fastest that this machine has.

namespace roi {

/// The mask losses of a step, with their weights. The kinds with loops of their own come down to two losses.
struct MaskFormula {
  double cross_entropy;  ///< smoothed bce; smoothing 0 is bce
  smoothed_bce::Smoothing smoothing;
  double dice, eps;
  MaskLosses::As<double> kinds;
  bool is_general;  ///< one was chosen that has no loop of its own: all go through the general one

  explicit MaskFormula(const MaskLosses::As<double>& kinds)
      : cross_entropy(kinds.of<Bce>().weight + kinds.of<SmoothedBce>().weight),
        smoothing(smoothed_bce::merged(kinds.of<Bce>().weight, kinds.of<SmoothedBce>().weight,
                                       kinds.of<SmoothedBce>().options[SmoothedBce::kSmoothing])),
        dice(kinds.of<Dice>().weight),
        eps(kinds.of<Dice>().options[Dice::kEps]),
        kinds(kinds),
        is_general(needs_general_loop(kinds)) {}
};

struct MaskRow {
  const float* logits;   ///< [n]
  const float* targets;  ///< [n]
  float* grad;           ///< [n], or null: no gradient
  int64_t n;
  double scale;  ///< the gradient's factor
};

/// Rows of the class loss go to their kernel together: one alone is a chain of sums, a logarithm and a
/// quotient that a processor waits for.
constexpr int64_t kClassBlock = 16;

struct ClassRow {
  const float* scores;   ///< [n]: logits or probabilities
  const float* weights;  ///< [n], or null: 1
  float* grad;           ///< [n], or null: no gradient
  int64_t n;
  int32_t label;
  cross_entropy::Target target;
  float scale;  ///< the gradient's factor
  double loss;  ///< result
};

struct BoxRow {
  const float* deltas;   ///< [4]
  const float* targets;  ///< [4]
  float* grad;           ///< [4], or null: no gradient
  float beta;
  float scale;  ///< the gradient's factor
};

/// What a pass over a RoI's mask tells.
struct MaskLoss {
  double loss;   ///< its mean over pixels
  bool suspect;  ///< a target may be out of its range: worth another look
};

/// What a pass over probabilities tells.
struct ProbabilitiesLook {
  float poison;  ///< 0 if all are finite, else NaN
  bool suspect;  ///< as of a mask
};

struct RowKernels {
  const char* name;
  MaskLoss (*mask)(const MaskFormula&, const MaskRow&);
  /// Adds the RoI's pixels to the counters from kPixels on.
  void (*count_pixels)(const float* logits, const float* targets, int64_t n, double* counters);
  /// The class losses of at most kClassBlock rows, from logits.
  void (*cross_entropy)(ClassRow* rows, int64_t count);
  /// The box loss of one RoI.
  double (*smooth_l1)(const BoxRow&);
  ProbabilitiesLook (*look_at_probabilities)(const float* p, int64_t n);
  /// n elements of `dtype` from and to floats. A byte is 1 unless it is 0.
  void (*widen)(const void* from, DType dtype, float* to, int64_t n);
  void (*narrow)(const float* from, void* to, DType dtype, int64_t n);
  void (*add)(const float* a, const float* b, float* c, int64_t n);
  /// A RoI's mask target from its object's bitmap.
  void (*crop)(const CropRows&);
};

/// By name (`ROI_LOSS_SIMD`: "avx512", "avx2", "baseline"), or the best one. Null if this machine lacks it.
const RowKernels* rows(const char* name = nullptr);

}  // namespace roi
