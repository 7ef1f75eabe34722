#pragma once

#include <gpu.cuh>

#include "../step_params.h"

// Sums over the lanes of a warp and the threads of a block, always in the same order.

namespace roi::gpu {

ROI_GPU int lane() { return thread() % kWarp; }
ROI_GPU int warp() { return thread() / kWarp; }

/// Of neighbours, `lanes` at a time (a power of 2), in each of them.
template <class T>
ROI_GPU T group_sum(T x, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) x += shuffle_xor(x, distance);
  return x;
}

/// In every lane.
template <class T>
ROI_GPU T warp_sum(T x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) x += shuffle_xor(x, distance);
  return x;
}

ROI_GPU float warp_max(float x) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const float other = shuffle_xor(x, distance);
    x = other > x ? other : x;
  }
  return x;
}

/// Several sums over the threads of the block, in thread 0. `scratch` has room for all of each warp.
template <int kSums>
ROI_GPU void block_sums(double (&x)[kSums], double* scratch) {
  for (int i = 0; i < kSums; i++) {
    x[i] = warp_sum(x[i]);
    if (lane() == 0) store_shared(scratch + i * cuda::kWarps + warp(), x[i]);
  }
  block_barrier();
  if (thread() != 0) return;
  for (int i = 0; i < kSums; i++) {
    x[i] = 0;
    for (int w = 0; w < cuda::kWarps; w++) x[i] += load_shared(scratch + i * cuda::kWarps + w);
  }
}

}  // namespace roi::gpu
