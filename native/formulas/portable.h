#pragma once

#include <cmath>

// The formulas are templates over F: `float` in a CUDA thread and in scalar host code, vectors of floats on
// the CPU. Whatever F is, it has + − × ÷, the operations below, and in those of masks exp_nonpositive(x) =
// e^x, quotient(a, b) = a / b to a few ulp, and log1p_nonnegative(x) = log(1 + x) (native/cpu/math.h,
// native/cuda/kernels/math.cuh). What is computed once a row is a template over S: `double` on the CPU,
// `float` on a GPU, many of which have few units for double.
//
// Force-inlined because the CPU backend compiles them once per instruction set: a shared out-of-line copy
// could hold instructions that the machine lacks.

#ifdef __CUDACC__
#define ROI_FORMULA __host__ __device__ __forceinline__
#else
#define ROI_FORMULA inline __attribute__((always_inline))
#endif

namespace roi {

ROI_FORMULA float select(bool condition, float yes, float no) { return condition ? yes : no; }
ROI_FORMULA float negate_where(bool condition, float x) { return condition ? -x : x; }
ROI_FORMULA bool is_negative(float x) { return x < 0.0f; }
ROI_FORMULA float magnitude(float x) { return fabsf(x); }
ROI_FORMULA float minus_magnitude(float x) {
#ifdef __CUDA_ARCH__
  // One instruction.
  float y;
  asm("or.b32 %0, %1, 0x80000000;" : "=f"(y) : "f"(x));
  return y;
#else
  return -fabsf(x);
#endif
}

// Of boxes (boxes.h). The second where one of two numbers is a NaN.

ROI_FORMULA float smaller_of(float a, float b) { return a < b ? a : b; }
ROI_FORMULA float larger_of(float a, float b) { return a > b ? a : b; }
ROI_FORMULA float logarithm(float x) { return logf(x); }
ROI_FORMULA float exponential(float x) { return expf(x); }

/// Rounded by itself, to the nearest: nvcc would fuse a product into a sum and take an approximate quotient.
template <class F>
ROI_FORMULA F exact_product(F a, F b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
template <class F>
ROI_FORMULA F exact_quotient(F a, F b) {
#ifdef __CUDA_ARCH__
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

}  // namespace roi
