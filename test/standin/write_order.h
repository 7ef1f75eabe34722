#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel.h"

// Who wrote which word of global memory in a launch, and whether others may know of it yet.

namespace roi::standin {

/// The last store to four bytes of a device's memory.
struct Writer {
  uint32_t launch, time;
  /// Counted through all blocks of the launch.
  uint32_t thread;
  /// Which of the four.
  uint32_t bytes;
};

/// A thread may touch what another one of its block wrote once a barrier lies between. What a thread of
/// another block wrote it may touch once that one, or one that met it at a barrier since, has released it,
/// and after that the toucher, or one that it met at a barrier since, has acquired.
class WriteOrder {
 public:
  void begin_launch(uint32_t number, unsigned blocks, unsigned threads);
  void block_barrier(unsigned block);
  void warp_barrier(unsigned block, unsigned thread);
  void release(unsigned block, unsigned thread);
  void acquire(unsigned block, unsigned thread);

  /// Notes an access to the bytes whose words `writers` are, the first byte being number `first` of its word.
  /// Returns what is wrong with it, or "".
  std::string touch(Writer* writers, size_t first, size_t bytes, Access access, unsigned block,
                    unsigned thread);

 private:
  const char* missing_between(const Writer& writer, uint32_t reader) const;
  uint32_t warp_of(uint32_t thread) const { return thread / kWarp; }
  uint32_t block_of(uint32_t thread) const { return thread / threads_; }

  static constexpr uint32_t kWarp = 32;
  uint32_t launch_ = 0, threads_ = 0;
  /// Grows with each barrier, release and acquire.
  uint32_t time_ = 0;
  std::vector<uint32_t> block_barriers_, warp_barriers_;
  /// Up to when all that a thread, a warp or a block wrote is known to all.
  std::vector<uint32_t> thread_releases_, warp_releases_, block_releases_;
  /// When a block released last; when a thread acquired last, and any of a block.
  std::vector<uint32_t> released_, thread_acquired_, acquired_;
  /// When any of a block had acquired last before the block's last barrier.
  std::vector<uint32_t> block_acquired_;
};

}  // namespace roi::standin
