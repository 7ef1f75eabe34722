#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "formulas/box_losses.h"
#include "formulas/boxes.h"
#include "formulas/class_losses.h"
#include "formulas/mask_losses.h"

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

/// Where targets come from.
enum class TargetSource : uint8_t {
  kTensor,    ///< they are given
  kObjects,   ///< boxes: encoded from proposals and the objects' boxes
  kBitmaps,   ///< masks: cropped from bitmaps of the image
  kPolygons,  ///< masks: drawn from polygons
};

/// How a mask target is cropped from a bitmap: by RoIAlign, and whose.
enum class Crop : uint8_t {
  kDetectron2,  ///< `aligned`, 1 from one half on, else 0
  kTorchvision  ///< not `aligned`, soft
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
  ClassLosses::As<double> kinds{};
};

struct BoxTerm : Term {
  int64_t channels = 0;  ///< C, C − 1 or 1
  DType dtype = DType::kFloat32, target_dtype = DType::kFloat32;
  const void* deltas = nullptr;   ///< [R, channels, 4]
  const void* targets = nullptr;  ///< [R, 4]
  void* grad = nullptr;           ///< [R, channels, 4]
  int32_t* written = nullptr;     ///< [R]: 1 + the channel that the step before wrote, or 0
  GradFill fill = GradFill::kFresh;
  TargetSource source = TargetSource::kTensor;
  boxes::DeltaWeights delta_weights;
  float* targets_out = nullptr;  ///< [R, 4], what the targets were, or null
  BoxLosses::As<double> kinds{};
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
  TargetSource source = TargetSource::kTensor;
  Crop crop = Crop::kDetectron2;
  float* targets_out = nullptr;  ///< [P, H, W], what the targets were, or null
  MaskLosses::As<double> kinds{};

  int64_t pixels() const { return height * width; }
};

/// The objects that RoIs are matched to, from which targets are made.
struct Objects {
  int64_t count = 0, image_height = 0, image_width = 0;
  int64_t points = 0, rings = 0;             ///< of polygons
  const float* boxes = nullptr;              ///< [G, 4]
  const uint8_t* masks = nullptr;            ///< [G, Hi, Wi], any byte but 0 is the object
  const float* polygon_points = nullptr;     ///< [V, 2]
  const int32_t* polygon_rings = nullptr;    ///< [S + 1], where the points of each ring begin
  const int32_t* polygon_objects = nullptr;  ///< [G + 1], where the rings of each object begin
};

struct Problem {
  int64_t rois = 0, mask_rois = 0, classes = 0;
  const int32_t* labels = nullptr;       ///< [R]
  bool own_mask_labels = false;          ///< else P = R, and `mask_labels` is `labels`
  const int32_t* mask_labels = nullptr;  ///< [P]
  Objects objects;
  // As the labels: those of masks are the same pointers unless `own_mask_labels`.
  const float *proposals = nullptr, *mask_proposals = nullptr;  ///< [R, 4], [P, 4]
  const int32_t *matches = nullptr, *mask_matches = nullptr;    ///< [R], [P]: the object of a foreground RoI
  ClassTerm cls;
  BoxTerm box;
  MaskTerm mask;

  bool makes_box_targets() const { return box.enabled && box.source != TargetSource::kTensor; }
  bool makes_mask_targets() const { return mask.enabled && mask.source != TargetSource::kTensor; }
  bool makes_targets() const { return makes_box_targets() || makes_mask_targets(); }
  bool has_terms() const { return cls.enabled || box.enabled || mask.enabled; }
};

/// The inputs whose values are checked, in the order in which a bad one is told of.
enum class CheckedInput : uint8_t {
  kLabels,
  kMaskLabels,
  kClassProbs,
  kMaskTargets,
  kMatches,
  kMaskMatches,
  kProposals,
  kMaskProposals,
  kPolygonPoints,
  kPolygonRings,
  kPolygonObjects
};
constexpr size_t kCheckedInputs = 11;
/// Those that kernels check, the first ones.
constexpr size_t kCheckedByKernels = 4;

/// A label that is neither −1 nor a class, a probability or target out of its range (formulas/ranges.h), or
/// what no target can be made of (ground_truth.h).
struct BadInput {
  CheckedInput input;
  int64_t index;
  double value;
  int64_t limit;  ///< of labels, matches and offsets: what all are below
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
