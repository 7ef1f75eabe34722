#pragma once

#include "crop_rows.h"
#include "simd.h"

// The loops of crop_rows.h. Of a row of the target first the image's rows are added, weighted, into a line,
// vectors of bytes side by side; then each bin of columns takes its part of that line.

namespace roi::ROI_SIMD {

/// sum + weight where a byte is not 0.
ROI_INLINE Floats add_where(Floats sum, Floats weight, const uint8_t* bytes) {
#if defined(__AVX512F__)
  const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  return Floats(_mm512_mask_add_ps(sum.v, _mm_test_epi8_mask(b, b), sum.v, weight.v));
#elif defined(__AVX2__)
  const __m128i is_zero =
      _mm_cmpeq_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)), _mm_setzero_si128());
  return sum + Floats(_mm256_andnot_ps(reinterpret_cast<__m256>(_mm256_cvtepi8_epi32(is_zero)), weight.v));
#else
  IntLanes b;
  for (int i = 0; i < kLanes; i++) b[i] = bytes[i];
  return sum + select(Mask{b != 0}, weight, Floats(0.0f));
#endif
}

/// kVectors vectors of the line: the sum of `rows` rows of bytes, each times its weight. Asks for the bytes
/// `ahead`, which the next bin takes: too few of a row are read at a time for the processor to see what
/// comes.
template <int kVectors>
ROI_INLINE void add_rows(const uint8_t* bytes, int64_t stride, const float* weights, int64_t rows,
                         int64_t ahead, float* line) {
  Floats sums[kVectors];
  for (Floats& sum : sums) sum = Floats(0.0f);
  for (int64_t y = 0; y < rows; y++, bytes += stride) {
    __builtin_prefetch(bytes + ahead);
    const Floats weight(weights[y]);
    for (int v = 0; v < kVectors; v++) sums[v] = add_where(sums[v], weight, bytes + v * kLanes);
  }
  for (int v = 0; v < kVectors; v++) store(line + v * kLanes, sums[v], AllLanes{});
}

/// The same for n columns, fewer than a vector has lanes: nothing beyond them is read.
ROI_INLINE void add_narrow_rows(const uint8_t* bytes, int64_t stride, const float* weights, int64_t rows,
                                int64_t n, float* line) {
  Floats sum(0.0f);
  for (int64_t y = 0; y < rows; y++, bytes += stride) {
    uint8_t some[kLanes] = {};
    std::memcpy(some, bytes, static_cast<size_t>(n));
    sum = add_where(sum, Floats(weights[y]), some);
  }
  store(line, sum, AllLanes{});
}

ROI_INLINE void add_rows(const CropRows& crop, const CropBin& bin, int64_t ahead) {
  const uint8_t* bytes = crop.bits + bin.first * crop.stride + crop.begin;
  const float* weights = crop.row_weights + bin.weights;
  const int64_t n = crop.end - crop.begin;
  if (n < kLanes) return add_narrow_rows(bytes, crop.stride, weights, bin.count, n, crop.line);
  constexpr int kAbreast = 4;
  int64_t x = 0;
  for (; x + kAbreast * kLanes <= n; x += kAbreast * kLanes)
    add_rows<kAbreast>(bytes + x, crop.stride, weights, bin.count, ahead, crop.line + x);
  for (; x < n; x += kLanes) {
    // The last vector overlaps the one before, so that it ends where the columns do.
    const int64_t at = x + kLanes <= n ? x : n - kLanes;
    add_rows<1>(bytes + at, crop.stride, weights, bin.count, ahead, crop.line + at);
  }
}

inline void crop_rows(const CropRows& crop) {
  for (int64_t p = 0; p < crop.height; p++) {
    const CropBin& row = crop.rows[p];
    if (row.count > 0) add_rows(crop, row, p + 1 < crop.height ? row.count * crop.stride : 0);
    for (int64_t q = 0; q < crop.width; q++) {
      const CropBin& column = crop.columns[q];
      Floats sum(0.0f);
      if (row.count > 0)
        for (int64_t i = 0; i < column.count; i += kLanes)
          sum += load(crop.line + column.first - crop.begin + i, AllLanes{}) *
                 load(crop.column_weights + column.weights + i, AllLanes{});
      const float mean = sum_of_lanes(sum) / crop.samples;
      // A mean of bits is at most 1, but for rounding.
      crop.target[p * crop.width + q] =
          crop.threshold > 0 ? (mean >= crop.threshold ? 1.0f : 0.0f) : (mean < 1 ? mean : 1.0f);
    }
  }
}

}  // namespace roi::ROI_SIMD
