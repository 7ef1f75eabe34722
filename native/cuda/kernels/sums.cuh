#pragma once

#include <gpu.cuh>

#include "math.cuh"

// After math.cuh.
#include "../step_params.h"

// Sums and the like over the lanes of a warp and the threads of a block, always in the same order.

namespace roi::gpu {

ROI_GPU int lane() { return thread() % kWarp; }
ROI_GPU int warp() { return thread() / kWarp; }

struct Sum {
  template <class T>
  ROI_GPU T operator()(T a, T b) const {
    return a + b;
  }
};
struct Largest {
  ROI_GPU float operator()(float a, float b) const { return larger(a, b); }
};

/// Over neighbouring lanes, as many as given (a power of 2), in each of them.
template <class T, class Combine>
ROI_GPU T over_lanes(T x, int lanes, Combine combine) {
#pragma unroll
  for (int distance = lanes / 2; distance > 0; distance /= 2) x = combine(x, shuffle_xor(x, distance));
  return x;
}
template <class T>
ROI_GPU T warp_sum(T x) {
  return over_lanes(x, kWarp, Sum());
}

/// Over as many neighbouring warps, 1, 2, 4 or 8, of what all lanes of each have, in each of their threads.
/// Of more than one warp the whole block takes part. `scratch` has room for 24 bytes of each warp.
template <class T, class Combine>
ROI_GPU T over_warps(T x, int warps, double* scratch, Combine combine) {
  if (warps == 1) return x;
  T* room = reinterpret_cast<T*>(scratch);
  if (lane() == 0) store_shared(room + warp(), x);
  block_barrier();
  const T mine = load_shared(room + (warp() & ~(warps - 1)) + (lane() & (warps - 1)));
  const T all = over_lanes(mine, warps, combine);
  block_barrier();  // before the next takes the room
  return all;
}

/// A sum over the threads of the block in two halves, with a barrier of the block between: each warp leaves
/// its own in `warps`, and the threads that need the sum add those.
template <class T>
ROI_GPU void leave_warp_sum(T x, T* warps) {
  x = warp_sum(x);
  if (lane() == 0) store_shared(warps + warp(), x);
}
template <class T>
ROI_GPU T sum_of_warps(const T* warps) {
  T sum = load_shared(warps);
#pragma unroll
  for (int w = 1; w < cuda::kWarps; w++) sum += load_shared(warps + w);
  return sum;
}

}  // namespace roi::gpu
