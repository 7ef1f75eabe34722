#pragma once

#include <cstdlib>
#include <new>

#include "../backend.h"

namespace roi {

/// The host's memory, the backend's own or borrowed.
class CpuMemory : public Memory {
 public:
  /// calloc leaves untouched pages of a large gradient unmapped; the alignment keeps vectors within cache
  /// lines.
  explicit CpuMemory(size_t bytes) : Memory(nullptr, bytes), block_(std::calloc(bytes + kAlignment, 1)) {
    if (!block_) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(block_);
    data_ = static_cast<char*>(block_) + (kAlignment - address % kAlignment) % kAlignment;
  }
  CpuMemory(uint64_t pointer, size_t bytes)
      : Memory(reinterpret_cast<void*>(pointer), bytes), block_(nullptr) {}
  CpuMemory(const CpuMemory&) = delete;
  CpuMemory& operator=(const CpuMemory&) = delete;
  ~CpuMemory() override { std::free(block_); }

 private:
  static constexpr size_t kAlignment = 64;
  void* block_;
};

}  // namespace roi
