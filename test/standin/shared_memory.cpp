#include "shared_memory.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace roi::standin {

namespace {

constexpr unsigned kWarp = 32;
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
  if (touches_.size() < bytes) touches_.resize(bytes);
  first_epoch_ = ++epoch_;
  std::memset(memory(0), kPoison, bytes);
}

const char* SharedMemory::touch(size_t offset, size_t bytes, bool writes, unsigned thread,
                                uint32_t warp_epoch) {
  const Touch now{epoch_, warp_epoch, thread, false};
  for (size_t i = offset; i < offset + bytes; i++) {
    if (const char* const problem = touch_byte(touches_[i], writes, now)) return problem;
  }
  return nullptr;
}

bool SharedMemory::races(const Touch& before, const Touch& now) const {
  if (before.epoch != epoch_) return false;
  if (before.thread / kWarp != now.thread / kWarp) return true;
  return before.warp_epoch == now.warp_epoch && (before.several || before.thread != now.thread);
}

const char* SharedMemory::touch_byte(Byte& byte, bool writes, const Touch& now) {
  if (writes) {
    if (races(byte.write, now)) return "race on shared memory: two threads write without a barrier between";
    if (races(byte.read, now) || races(byte.other_read, now)) {
      return "race on shared memory: written after another thread's read without a barrier between";
    }
    byte.write = now;
    return nullptr;
  }
  if (byte.write.epoch < first_epoch_) return "read of shared memory that was never written";
  if (races(byte.write, now)) {
    return "race on shared memory: read after another thread's write without a barrier between";
  }
  Touch read = now;
  if (byte.read.epoch == epoch_) {
    if (byte.read.thread / kWarp != now.thread / kWarp) {
      byte.other_read = byte.read;
    } else {
      read.several = races(byte.read, now);
    }
  }
  byte.read = read;
  return nullptr;
}

}  // namespace roi::standin
