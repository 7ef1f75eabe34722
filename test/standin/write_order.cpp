#include "write_order.h"

#include <algorithm>

namespace roi::standin {

void WriteOrder::begin_launch(uint32_t number, unsigned blocks, unsigned threads) {
  launch_ = number;
  // Whole warps, so that a number tells the warp.
  threads_ = (threads + kWarp - 1) / kWarp * kWarp;
  time_ = 0;
  block_barriers_.assign(blocks, 0);
  block_releases_.assign(blocks, 0);
  released_.assign(blocks, 0);
  acquired_.assign(blocks, 0);
  block_acquired_.assign(blocks, 0);
  warp_barriers_.assign(size_t{blocks} * threads_ / kWarp, 0);
  warp_releases_.assign(size_t{blocks} * threads_ / kWarp, 0);
  thread_releases_.assign(size_t{blocks} * threads_, 0);
  thread_acquired_.assign(size_t{blocks} * threads_, 0);
}

void WriteOrder::block_barrier(unsigned block) {
  block_barriers_[block] = ++time_;
  block_acquired_[block] = acquired_[block];
}

void WriteOrder::warp_barrier(unsigned block, unsigned thread) {
  warp_barriers_[warp_of(block * threads_ + thread)] = ++time_;
}

void WriteOrder::release(unsigned block, unsigned thread) {
  const uint32_t number = block * threads_ + thread, warp = warp_of(number);
  thread_releases_[number] = released_[block] = ++time_;
  warp_releases_[warp] = std::max(warp_barriers_[warp], block_barriers_[block]);
  block_releases_[block] = block_barriers_[block];
}

void WriteOrder::acquire(unsigned block, unsigned thread) {
  thread_acquired_[block * threads_ + thread] = acquired_[block] = ++time_;
}

/// What the reader may not do without, or null.
const char* WriteOrder::missing_between(const Writer& writer, uint32_t reader) const {
  if (writer.thread == reader) return nullptr;
  const uint32_t block = block_of(writer.thread), warp = warp_of(writer.thread);
  if (block == block_of(reader)) {
    const bool met = block_barriers_[block] > writer.time ||
                     (warp == warp_of(reader) && warp_barriers_[warp] > writer.time);
    return met ? nullptr : "barrier";
  }
  const uint32_t released =
      std::max({thread_releases_[writer.thread], warp_releases_[warp], block_releases_[block]});
  if (released <= writer.time) return "release";
  const uint32_t acquired = std::max(thread_acquired_[reader], block_acquired_[block_of(reader)]);
  return acquired <= released_[block] ? "acquire" : nullptr;
}

std::string WriteOrder::touch(Writer* writers, size_t first, size_t bytes, Access access, unsigned block,
                              unsigned thread) {
  const uint32_t number = block * threads_ + thread;
  for (size_t end = first + bytes; first < end; writers++) {
    const size_t last = std::min<size_t>(end, 4);
    const uint32_t mask = (1u << last) - (1u << first);
    end -= last;
    first = 0;
    if (writers->launch == launch_ && (writers->bytes & mask)) {
      const std::string who = "thread " + std::to_string(writers->thread % threads_) + " of block " +
                              std::to_string(block_of(writers->thread)) + " wrote it";
      if (access == Access::read) return "load of what this launch writes, for load_fresh: " + who;
      if (const char* const missing = missing_between(*writers, number))
        return std::string("race on global memory: no ") + missing + " since " + who;
    }
    if (access == Access::write) *writers = {launch_, time_, number, mask};
  }
  return "";
}

}  // namespace roi::standin
