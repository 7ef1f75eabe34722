#pragma once

#include <cstdint>

#include "buffers.h"

// Which object each box belongs to. Plain data, checked; pointers are memory of the backend's device.

namespace roi {

struct MatchProblem {
  int64_t boxes = 0, objects = 0;
  const float* box = nullptr;            ///< [boxes, 4], as (x1, y1, x2, y2)
  const float* object = nullptr;         ///< [objects, 4]
  const int32_t* classes = nullptr;      ///< [objects], or null: 1
  const uint8_t* ignored = nullptr;      ///< [objects]; anything but 0 is a crowd. Null: none is
  float foreground = 0, background = 0;  ///< thresholds of the IoU
  bool low_quality = false;
  int32_t* labels = nullptr;   ///< [boxes]: a class, 0 or kIgnoredLabel
  int32_t* matches = nullptr;  ///< [boxes]: an object, kBelow or kBetween
  float* overlaps = nullptr;   ///< [boxes]: the largest IoU with an object
};

// As torchvision's Matcher has them.
constexpr int32_t kBelow = -1;    ///< background
constexpr int32_t kBetween = -2;  ///< ignored
constexpr int32_t kIgnoredLabel = -1;

/// As of a step (buffers.h).
template <class Visit>
void each_buffer(MatchProblem& p, Visit visit) {
  const DType f32 = DType::kFloat32, i32 = DType::kInt32;
  visit("boxes", p.box, f32, Sizes{p.boxes, 4}, Use::kInput);
  visit("gtBoxes", p.object, f32, Sizes{p.objects, 4}, Use::kInput);
  visit("gtLabels", p.classes, i32, Sizes{p.objects}, Use::kOptional);
  visit("gtIgnore", p.ignored, DType::kUint8, Sizes{p.objects}, Use::kOptional);
  visit("labels", p.labels, i32, Sizes{p.boxes}, Use::kOutput);
  visit("matches", p.matches, i32, Sizes{p.boxes}, Use::kOutput);
  visit("overlaps", p.overlaps, f32, Sizes{p.boxes}, Use::kOutput);
}

}  // namespace roi
