#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// The shared memory of a block, and who touched which word of it since the last barrier.

namespace roi::standin {

class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  static constexpr size_t kMostBytes = 48 << 10;

  /// A new block begins, whose memory nobody has written.
  void begin_block(size_t bytes);
  void block_barrier() { epoch_++; }

  /// The address that kernels are given. It cannot be dereferenced: all accesses come by here.
  std::byte* address() const { return mapping_; }
  size_t bytes() const { return bytes_; }
  std::byte* memory(size_t offset) const { return mapping_ + kMostBytes + offset; }

  /// Notes an access and returns what is wrong with it, or null. `warp_epoch` counts the barriers of the
  /// thread's warp.
  const char* touch(size_t offset, size_t bytes, bool writes, unsigned thread, uint32_t warp_epoch);

 private:
  struct Touch {
    uint32_t epoch = 0, warp_epoch = 0;
    uint16_t thread = 0;
    /// Which of the word's four.
    uint8_t bytes = 0;
    /// Other lanes of the warp have done the same since the warp's last barrier.
    bool several = false;
  };
  struct Word {
    Touch write, read;
    /// The last read by another warp than that of `read`.
    Touch other_read;
    /// Bytes that were written since `epoch`, which is their block's first.
    uint32_t epoch = 0;
    uint8_t written = 0;
  };

  bool races(const Touch& before, const Touch& now) const;
  const char* write(Word& word, const Touch& now);
  const char* read(Word& word, const Touch& now);

  std::byte* mapping_;
  size_t bytes_ = 0;
  std::vector<Word> words_;
  /// Counts block barriers, and blocks; never goes back.
  uint32_t epoch_ = 0, first_epoch_ = 0;
};

}  // namespace roi::standin
