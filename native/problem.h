#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

// What a backend is asked to compute: one step of one to three terms. Plain data; pointers are memory of the
// backend's device and stay valid until the step is done. Everything here has been checked.

namespace roi {

enum class DType : uint8_t { kFloat32, kFloat16, kBFloat16, kUint8, kInt32 };

constexpr int64_t size_of(DType type) {
  switch (type) {
    case DType::kUint8:
      return 1;
    case DType::kFloat16:
    case DType::kBFloat16:
      return 2;
    default:
      return 4;
  }
}

enum class Reduction : uint8_t { kMean, kSum, kNone };

/// What a gradient buffer holds before a step, and so what the step must clear.
enum class GradFill : uint8_t {
  kFresh,   ///< zeros: only what is not zero is written
  kSparse,  ///< what the step before wrote, noted in `written`: that is cleared
  kRewrite  ///< anything: every byte is written
};

struct Term {
  bool enabled = false;
  bool gradient = true;
  bool metrics = false;
  Reduction reduction = Reduction::kMean;
  double weight = 1;
  double normalizer = 0;            ///< 0: the count of RoIs
  double grad_scale = 1;            ///< the scalar upstream gradient included
  const float* upstream = nullptr;  ///< [rois], or null; in the host's memory
  float* per_roi = nullptr;         ///< [rois], or null
};

struct ClassTerm : Term {
  bool probabilities = false;
  DType dtype = DType::kFloat32;
  const void* scores = nullptr;    ///< logits or probabilities, [R, C]
  void* grad = nullptr;            ///< [R, C]
  const float* weights = nullptr;  ///< [C], or null; in the host's memory
  double label_smoothing = 0;
  double eps = 1e-12;
};

struct BoxTerm : Term {
  int64_t channels = 0;  ///< C, C − 1 or 1
  DType dtype = DType::kFloat32, target_dtype = DType::kFloat32;
  const void* deltas = nullptr;   ///< [R, channels, 4]
  const void* targets = nullptr;  ///< [R, 4]
  void* grad = nullptr;           ///< [R, channels, 4]
  int32_t* written = nullptr;     ///< [R]: 1 + the channel that the step before wrote, or 0
  GradFill fill = GradFill::kFresh;
  double beta = 1;
};

struct MaskTerm : Term {
  int64_t channels = 0;  ///< C, C − 1 or 1
  int64_t height = 0, width = 0;
  bool channels_last = false;
  bool compact_grad = false;
  DType dtype = DType::kFloat32, target_dtype = DType::kFloat32;
  const void* logits = nullptr;   ///< [P, channels, H, W], or channels last
  const void* targets = nullptr;  ///< [P, H, W]
  void* grad = nullptr;           ///< as logits, or compact [P, H, W]
  int32_t* written = nullptr;     ///< [P], as for boxes
  GradFill fill = GradFill::kFresh;
  double bce_weight = 0, smoothed_weight = 0, dice_weight = 0;
  double smoothing = 0.05;
  double eps = 1e-6;

  int64_t pixels() const { return height * width; }
};

struct Problem {
  int64_t rois = 0, mask_rois = 0, classes = 0;
  const int32_t* labels = nullptr;       ///< [R]
  bool own_mask_labels = false;          ///< else P = R, and `mask_labels` is `labels`
  const int32_t* mask_labels = nullptr;  ///< [P]
  ClassTerm cls;
  BoxTerm box;
  MaskTerm mask;

  bool has_terms() const { return cls.enabled || box.enabled || mask.enabled; }
};

/// The inputs whose values are checked, in the order in which a bad one is told of.
enum class CheckedInput : uint8_t { kLabels, kMaskLabels, kClassProbs, kMaskTargets };
constexpr size_t kCheckedInputs = 4;

/// A label that is neither −1 nor a class, or a probability or target out of its range (formulas/ranges.h).
struct BadInput {
  CheckedInput input;
  int64_t index;
  double value;
  int64_t classes;
};

/// Where the channel of `label` (≥ 1) lies among `channels`, which are all classes, the foreground alone, or
/// one.
constexpr int64_t channel_of(int32_t label, int64_t channels, int64_t classes) {
  return channels == classes ? label : channels == 1 ? 0 : label - 1;
}

enum Counter {
  kRois,
  kRoisRight,
  kForeground,
  kForegroundRight,
  kForegroundMissed,
  kPixels,
  kPixelsForeground,
  kPixelsFalsePositive,
  kPixelsFalseNegative,
  kCounters
};

/// Reduced losses, weights included, and the counts behind the metrics.
struct Result {
  double class_loss = 0, box_loss = 0, mask_loss = 0;
  std::array<double, kCounters> counters{};
  std::optional<BadInput> bad_input;  ///< why the losses say nothing, if there is such
};

}  // namespace roi
