#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../../native/cuda/driver.h"
#include "write_order.h"

// What kernels and copies may touch: the memory of a device, and pinned memory of the host.

namespace roi::standin {

using cuda::Status;

struct Allocation {
  uint64_t base;
  size_t bytes;
  std::byte* memory;
  /// One a byte: whether it was ever written. Null for memory of the host, who writes it unseen.
  uint8_t* written;
  /// One a word; null for memory of the host.
  Writer* writers;
  /// Mapped from another process, which keeps it: the whole block, in which what was shared begins at
  /// `shared`.
  bool imported;
  size_t shared = 0;
  /// Of memory that a VMM allocator mapped: bytes of its pieces, and of the addresses that it reserved. Else
  /// 0.
  size_t piece = 0, reserved = 0;

  bool holds(uint64_t address, size_t count) const {
    return address >= base && address - base <= bytes && count <= bytes - (address - base);
  }
  std::byte* at(uint64_t address) const { return memory + (address - base); }
  void mark_written(uint64_t address, size_t count) const;
  bool is_written(uint64_t address, size_t count) const;
};

/// In the order of their bases.
using Allocations = std::vector<Allocation>;

/// The one that holds these bytes, or null.
const Allocation* find(const Allocations& allocations, uint64_t address, size_t count);

/// Addresses of the device lie in a range of which the host can touch nothing. The bytes are as far above it
/// as the range is long, the flags that say which were written as far above those, then the writers. No
/// address is given out twice, so that what uses freed memory is found.
class Memory {
 public:
  explicit Memory(size_t limit);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  Status allocate(size_t bytes, uint64_t* base);
  Status free(uint64_t base);
  /// Memory that is mapped piece by piece into twice as many addresses.
  Status map(size_t bytes, size_t piece, uint64_t* base);
  Status allocate_host(size_t bytes, void** host);
  Status free_host(void* host);

  /// A name of device memory by which another process can open it.
  Status share(uint64_t base, cuda::IpcHandle* handle);
  Status open_shared(const cuda::IpcHandle& handle, uint64_t* base);
  Status close_shared(uint64_t base);

  std::optional<Allocation> find(uint64_t address, size_t count = 1) const;
  std::shared_ptr<const Allocations> live() const;

  /// What the guard zones say: where something was written outside of all allocations; "" if nowhere.
  std::string damage() const;
  size_t limit() const { return limit_; }
  /// Device allocations; or those of host memory.
  size_t count(bool host) const;

 private:
  struct Region;
  std::optional<Region> claim(size_t bytes);
  void add(const Allocation& allocation);
  bool remove(uint64_t base, bool host, bool imported, Allocation* removed);

  mutable std::mutex mutex_;
  std::shared_ptr<const Allocations> live_;
  std::byte* mapping_;
  int file_;
  size_t limit_, used_ = 0, claimed_ = 0;
};

}  // namespace roi::standin
