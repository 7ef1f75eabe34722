#pragma once

#include <cstring>
#include <memory>

#include "rows.h"

// Rows of tensors as contiguous floats, whatever their element type and stride. A row of float32 that is
// contiguous already is used where it lies.

namespace roi {

/// Whether rows of `dtype` and `stride` are used where they lie.
inline bool is_direct(DType dtype, int64_t stride) { return dtype == DType::kFloat32 && stride == 1; }

/// Where a row lies: `n` elements of a tensor, from `offset` on, `stride` apart.
struct RowPlace {
  DType dtype;
  int64_t offset, stride, n;

  bool is_direct() const { return roi::is_direct(dtype, stride); }
};

/// Room of one thread for one row. What it does not use of it stays unmapped, as nothing is written to it.
class RowBuffer {
 public:
  /// Of n elements, unless there is as much already. Throws std::bad_alloc.
  void reserve(int64_t n) {
    if (n <= room_) return;
    const auto size = static_cast<size_t>(n);
    auto floats = std::make_unique_for_overwrite<float[]>(size);
    bits_ = std::make_unique_for_overwrite<uint16_t[]>(size);
    floats_ = std::move(floats);
    room_ = n;
  }

  const float* read(const RowKernels& rows, const void* tensor, const RowPlace& at) {
    if (at.is_direct()) return static_cast<const float*>(tensor) + at.offset;
    if (at.dtype == DType::kFloat32) {
      gather(static_cast<const float*>(tensor), at, floats_.get());
    } else if (at.stride == 1) {
      rows.widen(static_cast<const char*>(tensor) + at.offset * size_of(at.dtype), at.dtype, floats_.get(),
                 at.n);
    } else {
      // Targets alone can be bytes, and they are contiguous.
      gather(static_cast<const uint16_t*>(tensor), at, bits_.get());
      rows.widen(bits_.get(), at.dtype, floats_.get(), at.n);
    }
    return floats_.get();
  }

  /// Where to compute a row that is to be written to `tensor`; then `commit` it.
  float* target(void* tensor, const RowPlace& at) {
    return at.is_direct() ? static_cast<float*>(tensor) + at.offset : floats_.get();
  }

  void commit(const RowKernels& rows, void* tensor, const RowPlace& at) {
    if (at.is_direct()) return;
    if (at.dtype == DType::kFloat32) {
      scatter(floats_.get(), static_cast<float*>(tensor), at);
    } else if (at.stride == 1) {
      rows.narrow(floats_.get(), static_cast<uint16_t*>(tensor) + at.offset, at.dtype, at.n);
    } else {
      rows.narrow(floats_.get(), bits_.get(), at.dtype, at.n);
      scatter(bits_.get(), static_cast<uint16_t*>(tensor), at);
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

  int64_t room_ = 0;
  std::unique_ptr<float[]> floats_;
  std::unique_ptr<uint16_t[]> bits_;
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
