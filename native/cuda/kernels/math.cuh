#pragma once

#include <gpu.cuh>

// What the formulas need of `float` in a kernel. Declared before them, as they are found by name alone.

namespace roi {

ROI_GPU float reciprocal(float x) { return gpu::reciprocal_approx(x); }

/// e^x for x ≤ 0, 0 below the smallest normal float, NaN for NaN and −∞. Relative error below 5e-7. x·log₂e
/// alone would be off by half an ulp of itself, 5e-6 at the far end: what its rounding took is put back.
ROI_GPU float exp_nonpositive(float x) {
  const float t = x * 1.44269504f;
  const float power = gpu::exp2_approx(t);
  return gpu::multiply_add(power, gpu::multiply_add(t, -0.693147181f, x), power);
}

/// log(1 + e) for e in [0, 1], NaN for NaN: e times a minimax polynomial. Relative error below 4e-7.
ROI_GPU float log1p_unit(float e) {
  float p = -0.00853919890f;
  p = gpu::multiply_add(p, e, 0.0440895967f);
  p = gpu::multiply_add(p, e, -0.107681662f);
  p = gpu::multiply_add(p, e, 0.177452385f);
  p = gpu::multiply_add(p, e, -0.244954616f);
  p = gpu::multiply_add(p, e, 0.332754791f);
  p = gpu::multiply_add(p, e, -0.499974042f);
  p = gpu::multiply_add(p, e, 0.999999821f);
  return p * e;
}

ROI_GPU float not_a_number() { return gpu::float_of(0x7fc00000u); }
ROI_GPU bool is_finite(float x) { return (gpu::bits_of(x) & 0x7f800000u) != 0x7f800000u; }
/// A NaN or infinite input gives a NaN, never an infinity that a later step could mistake for a number.
ROI_GPU float finite_or_nan(float loss) { return is_finite(loss) ? loss : not_a_number(); }

}  // namespace roi
