#include "shared_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace roi::standin {

namespace {

constexpr unsigned kWarp = 32;
constexpr size_t kWord = 4;
constexpr int kPoison = 0xff;

}  // namespace

SharedMemory::SharedMemory() {
  void* const mapping =
      mmap(nullptr, 2 * kMostBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mapping_ = static_cast<std::byte*>(mapping);
  mprotect(mapping_ + kMostBytes, kMostBytes, PROT_READ | PROT_WRITE);
}

SharedMemory::~SharedMemory() { munmap(mapping_, 2 * kMostBytes); }

void SharedMemory::begin_block(size_t bytes) {
  bytes_ = bytes;
  const size_t words = (bytes + kWord - 1) / kWord;
  if (words_.size() < words) words_.resize(words);
  first_epoch_ = ++epoch_;
  std::memset(memory(0), kPoison, bytes);
}

const char* SharedMemory::touch(size_t offset, size_t bytes, bool writes, unsigned thread,
                                uint32_t warp_epoch) {
  Touch now{epoch_, warp_epoch, static_cast<uint16_t>(thread), 0, false};
  for (size_t begin = offset, end = offset + bytes; begin < end;) {
    const size_t index = begin / kWord, first = begin % kWord;
    const size_t count = std::min(end - begin, kWord - first);
    now.bytes = static_cast<uint8_t>(((1u << count) - 1) << first);
    const char* const problem = writes ? write(words_[index], now) : read(words_[index], now);
    if (problem) return problem;
    begin += count;
  }
  return nullptr;
}

bool SharedMemory::races(const Touch& before, const Touch& now) const {
  if (before.epoch != epoch_ || !(before.bytes & now.bytes)) return false;
  if (before.thread / kWarp != now.thread / kWarp) return true;
  return before.warp_epoch == now.warp_epoch && (before.several || before.thread != now.thread);
}

const char* SharedMemory::write(Word& word, const Touch& now) {
  if (races(word.write, now)) return "race on shared memory: two threads write without a barrier between";
  if (races(word.read, now) || races(word.other_read, now)) {
    return "race on shared memory: written after another thread's read without a barrier between";
  }
  word.write = now;
  if (word.epoch != first_epoch_) word.written = 0;
  word.epoch = first_epoch_;
  word.written |= now.bytes;
  return nullptr;
}

const char* SharedMemory::read(Word& word, const Touch& now) {
  if (word.epoch != first_epoch_ || (word.written & now.bytes) != now.bytes) {
    return "read of shared memory that was never written";
  }
  if (races(word.write, now)) {
    return "race on shared memory: read after another thread's write without a barrier between";
  }
  const Touch before = word.read;
  word.read = now;
  if (before.epoch != epoch_) return nullptr;
  if (before.thread / kWarp != now.thread / kWarp) {
    word.other_read = before;
  } else {
    word.read.several = races(before, now);
  }
  return nullptr;
}

}  // namespace roi::standin
