#pragma once

// What native/cuda/kernels/math.cuh needs of a GPU, with the two approximate instructions as far off as
// NVIDIA allows them to be (PTX ISA, ex2.approx and rcp.approx): the stand-in's, and that error on top.

#define exp2_approx exp2_rounded
#define reciprocal_approx reciprocal_rounded
#include "../../standin/gpu.cuh"
#undef exp2_approx
#undef reciprocal_approx

namespace roi::gpu {

/// −1 or 1: the instructions' results are too small or too large; 0: rounded.
inline int instruction_error = 0;

ROI_GPU float exp2_approx(float x) {
  if (x < -126.0f) return 0;  // sooner than the library tells
  const double error = instruction_error * 0x1p-22;
  return flushed(static_cast<float>(static_cast<double>(exp2_rounded(x)) * (1 + error)));
}
ROI_GPU float reciprocal_approx(float x) {
  const float y = reciprocal_rounded(x);
  return std::isnormal(y) ? float_of(bits_of(y) + static_cast<uint32_t>(instruction_error)) : y;
}

}  // namespace roi::gpu
