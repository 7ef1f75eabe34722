#pragma once

#include <cstdint>

#include "buffers.h"

// Which RoIs count in a step. Plain data, checked; pointers are memory of the backend's device.

namespace roi {

/// Of the RoIs with a label above 0 and of those with label 0 each that many are taken whose random words are
/// least; of equal words the first. RoI i has word i of the sequence of Philox that `seed` tells.
struct SampleProblem {
  int64_t rois = 0;
  const int32_t* labels = nullptr;  ///< [rois]
  int64_t count = 0;                ///< how many are taken at most
  int64_t foreground = 0;           ///< and of them with a label above 0
  uint64_t seed = 0;
};

}  // namespace roi
