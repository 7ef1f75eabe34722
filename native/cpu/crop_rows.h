#pragma once

#include <cstdint>

namespace roi {

/// The widest vector of any instruction set, in floats.
constexpr int64_t kMostLanes = 16;

/// What a bin takes of an axis: `count` pixels from `first` on, whose weights lie from `weights` on.
struct CropBin {
  int64_t first, count, weights;
};

/// RoIAlign of a bitmap, whose rows and columns are weighted apart (formulas/roi_align.h).
struct CropRows {
  const uint8_t* bits;          ///< the image's first pixel
  int64_t stride;               ///< from a row of the image to the next
  const CropBin* rows;          ///< [height]
  const float* row_weights;     ///< of `rows`
  const CropBin* columns;       ///< [width]
  const float* column_weights;  ///< of `columns`; kMostLanes zeros behind those of each
  int64_t height, width;
  int64_t begin, end;  ///< the columns of the image that `columns` take
  float* line;         ///< room for end − begin + 2 kMostLanes finite floats
  float samples;       ///< in a bin: weights sum to it
  float threshold;     ///< 0: none
  float* target;       ///< [height, width]
};

}  // namespace roi
