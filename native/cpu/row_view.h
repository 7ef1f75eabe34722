#pragma once

#include <cstring>
#include <vector>

#include "rows.h"

// Rows of tensors as contiguous floats, whatever their element type and stride. A row of float32 that is
// contiguous already is used where it lies.

namespace roi {

/// Where a row lies: `n` elements of a tensor, from `offset` on, `stride` apart.
struct RowPlace {
  DType dtype;
  int64_t offset, stride, n;

  bool is_direct() const { return dtype == DType::kFloat32 && stride == 1; }
};

/// Room of one thread for one row.
class RowBuffer {
 public:
  void reserve(int64_t n) {
    floats_.resize(static_cast<size_t>(n));
    bits_.resize(static_cast<size_t>(n));
  }

  const float* read(const RowKernels& rows, const void* tensor, const RowPlace& at) {
    if (at.is_direct()) return static_cast<const float*>(tensor) + at.offset;
    if (at.dtype == DType::kFloat32) {
      gather(static_cast<const float*>(tensor), at, floats_.data());
    } else if (at.stride == 1) {
      rows.widen(static_cast<const char*>(tensor) + at.offset * size_of(at.dtype), at.dtype, floats_.data(),
                 at.n);
    } else {
      // Targets alone can be bytes, and they are contiguous.
      gather(static_cast<const uint16_t*>(tensor), at, bits_.data());
      rows.widen(bits_.data(), at.dtype, floats_.data(), at.n);
    }
    return floats_.data();
  }

  /// Where to compute a row that is to be written to `tensor`; then `commit` it.
  float* target(void* tensor, const RowPlace& at) {
    return at.is_direct() ? static_cast<float*>(tensor) + at.offset : floats_.data();
  }

  void commit(const RowKernels& rows, void* tensor, const RowPlace& at) {
    if (at.is_direct()) return;
    if (at.dtype == DType::kFloat32) {
      scatter(floats_.data(), static_cast<float*>(tensor), at);
    } else if (at.stride == 1) {
      rows.narrow(floats_.data(), static_cast<uint16_t*>(tensor) + at.offset, at.dtype, at.n);
    } else {
      rows.narrow(floats_.data(), bits_.data(), at.dtype, at.n);
      scatter(bits_.data(), static_cast<uint16_t*>(tensor), at);
    }
  }

 private:
  template <class T>
  static void gather(const T* tensor, const RowPlace& at, T* row) {
    for (int64_t i = 0; i < at.n; i++) row[i] = tensor[at.offset + i * at.stride];
  }
  template <class T>
  static void scatter(const T* row, T* tensor, const RowPlace& at) {
    for (int64_t i = 0; i < at.n; i++) tensor[at.offset + i * at.stride] = row[i];
  }

  std::vector<float> floats_;
  std::vector<uint16_t> bits_;
};

/// Zeros, which every float type writes as zero bits.
inline void clear_row(void* tensor, const RowPlace& at) {
  const auto size = static_cast<size_t>(size_of(at.dtype));
  char* first = static_cast<char*>(tensor) + at.offset * static_cast<int64_t>(size);
  if (at.stride == 1) {
    std::memset(first, 0, static_cast<size_t>(at.n) * size);
  } else {
    for (int64_t i = 0; i < at.n; i++)
      std::memset(first + i * at.stride * static_cast<int64_t>(size), 0, size);
  }
}

}  // namespace roi
