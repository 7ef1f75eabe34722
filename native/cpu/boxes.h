#pragma once

#include <cstdint>

#include "../matching.h"

// The loops over boxes, compiled once per instruction set like those over rows, but without contraction of
// products and sums: IoUs are the same to the bit on every machine.

namespace roi {

/// How many boxes the loops take at a time. Those of a tile lie close together where proposals are a grid of
/// anchors, and most objects are far from all of them.
constexpr int64_t kTile = 64;

/// Boxes by coordinate. Each column has room for kTile floats behind the last box.
struct BoxColumns {
  float *x1, *y1, *x2, *y2, *area;
};

/// Objects as the loops want them: what lies behind the last meets no box.
struct ObjectColumns : BoxColumns {
  int32_t* is_odd;  ///< −1 where the area is not a positive, finite number, else 0
  int32_t* index;   ///< among the problem's objects
  int64_t count;
};

/// A pass over some of the boxes of a problem.
struct MatchPass {
  enum Kind : uint8_t {
    kWhole,   ///< all there is to do
    kSearch,  ///< of low-quality matches the first: leaves best objects in `matches`, and `most`
    kSettle   ///< the second
  };
  Kind kind;
  int64_t begin, end;
  const MatchProblem* problem;
  const ObjectColumns *objects, *crowds;
  float* most;  ///< [objects]: the largest IoU of each with a box, a NaN where one is; of kSearch, kSettle
  bool all_are_best;    ///< some object's largest IoU is 0, which all boxes have
  int32_t* candidates;  ///< scratch, [objects or crowds + kTile]
};

struct BoxKernels {
  void (*match)(const MatchPass&);
  /// Sets `suppressed` of boxes in [begin, end), and of some behind, to −1 where their IoU with `kept` is
  /// above `threshold`.
  void (*suppress)(const BoxColumns& boxes, int64_t kept, int64_t begin, int64_t end, float threshold,
                   int32_t* suppressed);
};

/// For the instruction set that `rows(name)` is for; null if this machine lacks it.
const BoxKernels* box_kernels(const char* name = nullptr);

}  // namespace roi
