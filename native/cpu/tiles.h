#pragma once

#include "simd.h"

namespace roi::ROI_SIMD {

/// Rows are summed lane by lane over tiles of 64 vectors, and the tiles in double: so the error of a sum does
/// not grow with the row, and a joint decay stays below 2^64.
constexpr int64_t kTile = 64 * kLanes;

template <class Visit>
ROI_INLINE void for_each_tile(int64_t n, Visit visit) {
  for (int64_t begin = 0; begin < n; begin += kTile) visit(begin, begin + kTile < n ? begin + kTile : n);
}

}  // namespace roi::ROI_SIMD
