#pragma once

#include <gpu.cuh>

// What the formulas need of `float` in a kernel. Comes before them, who find it by name alone.

namespace roi {

/// Within 2 ulp for b in [1, 2].
ROI_GPU float quotient(float a, float b) { return a * gpu::reciprocal_approx(b); }

/// e^x for x ≤ 0, 0 below the smallest normal float, NaN for NaN and −∞ (and below −2e38). Relative error
/// below 6.5e-7, where exp2_approx is as far off as it may be. x·log₂e alone would be off by half an ulp of
/// itself, 5e-6 at the far end: what its rounding took is put back.
ROI_GPU float exp_nonpositive(float x) {
  const float t = x * 1.44269504f;
  const float power = gpu::exp2_approx(t);
  return power * gpu::multiply_add(t, -0.693147181f, x) + power;
}

/// log(1 + x) for x in [0, 2^100], NaN for NaN; within 3 ulp, at tiny x too. 1 + x = 2^k·(1 + f) with f in
/// [√½ − 1, √2 − 1]; the polynomial is minimax for log(1 + f).
ROI_GPU float log1p_nonnegative(float x) {
  const int32_t sqrt_half = 0x3f3504f3;
  const float s = 1.0f + x;
  const auto bits = static_cast<int32_t>(gpu::bits_of(s));
  const int32_t k = (bits - sqrt_half) >> 23;
  // x itself where k is 0: s has lost what a small x has beyond its bits.
  const float f = k == 0 ? x : gpu::float_of(static_cast<uint32_t>(bits - (k << 23))) - 1.0f;
  float p = -0.0764497668f;
  p = p * f + 0.129219368f;
  p = p * f - 0.132427201f;
  p = p * f + 0.141792566f;
  p = p * f - 0.166087955f;
  p = p * f + 0.20002088f;
  p = p * f - 0.250015974f;
  p = p * f + 0.333333254f;
  p = p * f - 0.499999881f;
  return static_cast<float>(k) * 0.693147182f + (f * f * p + f) + x * 0.0f;
}

ROI_GPU float not_a_number() { return gpu::float_of(0x7fc00000u); }
ROI_GPU bool is_finite(float x) { return (gpu::bits_of(x) & 0x7f800000u) != 0x7f800000u; }
/// A NaN or infinite input gives a NaN, never an infinity that a later step could mistake for a number.
ROI_GPU float finite_or_nan(float loss) { return is_finite(loss) ? loss : not_a_number(); }

}  // namespace roi
