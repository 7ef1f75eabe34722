#include "write_order.h"

#include <algorithm>

namespace roi::standin {

void WriteOrder::begin_launch(uint32_t number, unsigned blocks, unsigned threads) {
  launch_ = number;
  // Whole warps, so that a number tells the warp.
  threads_ = (threads + kWarp - 1) / kWarp * kWarp;
  time_ = 0;
  block_barriers_.assign(blocks, 0);
  block_fences_.assign(blocks, 0);
  warp_barriers_.assign(size_t{blocks} * threads_ / kWarp, 0);
  warp_fences_.assign(size_t{blocks} * threads_ / kWarp, 0);
  thread_fences_.assign(size_t{blocks} * threads_, 0);
}

void WriteOrder::block_barrier(unsigned block) { block_barriers_[block] = ++time_; }

void WriteOrder::warp_barrier(unsigned block, unsigned thread) {
  warp_barriers_[warp_of(block * threads_ + thread)] = ++time_;
}

void WriteOrder::fence(unsigned block, unsigned thread) {
  const uint32_t number = block * threads_ + thread, warp = warp_of(number);
  thread_fences_[number] = ++time_;
  warp_fences_[warp] = std::max(warp_barriers_[warp], block_barriers_[block]);
  block_fences_[block] = block_barriers_[block];
}

bool WriteOrder::is_ordered(const Writer& writer, uint32_t reader) const {
  if (writer.thread == reader) return true;
  const uint32_t block = block_of(writer.thread), warp = warp_of(writer.thread);
  if (block == block_of(reader)) {
    return block_barriers_[block] > writer.time ||
           (warp == warp_of(reader) && warp_barriers_[warp] > writer.time);
  }
  return std::max({thread_fences_[writer.thread], warp_fences_[warp], block_fences_[block]}) > writer.time;
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
      if (!is_ordered(*writers, number)) {
        const bool same_block = block_of(writers->thread) == block;
        return std::string("race on global memory: no ") + (same_block ? "barrier" : "fence") + " since " +
               who;
      }
    }
    if (access == Access::write) *writers = {launch_, time_, number, mask};
  }
  return "";
}

}  // namespace roi::standin
