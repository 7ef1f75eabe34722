#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fibers.h"
#include "kernel.h"
#include "memory.h"
#include "random.h"
#include "shared_memory.h"
#include "write_order.h"

// Runs the blocks of a launch: some at a time, in random order, their threads switched at barriers, at
// shuffles and at random accesses.

namespace roi::standin {

constexpr unsigned kWarpThreads = 32, kMostThreads = 256;

struct Launch {
  const Kernel* kernel;
  std::vector<std::max_align_t> params;
  unsigned blocks, threads;
  size_t shared_bytes;
  /// From 1, through all launches of the process.
  uint32_t number;
};

/// What the driver would say of it. From any thread of the CPU.
Status run(const Launch& launch, const Memory& memory);

class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Status run(const Launch& launch, const Memory& memory);

  /// The one that runs on this thread of the CPU.
  static Runner& current();

  // What the running thread of the launch asks for; see kernel.h.
  int thread() const { return static_cast<int>(running_->number); }
  int block() const { return static_cast<int>(running_->warp->block->number); }
  int blocks() const { return static_cast<int>(launch_->blocks); }
  unsigned char* shared_address() const;
  void* global_bytes(uint64_t address, size_t bytes, Access access, const Site& where);
  void* shared_bytes(uint64_t address, size_t bytes, Access access, const Site& where);
  void block_barrier(const Site& where) { wait(State::block_barrier, where); }
  void warp_barrier(const Site& where) { wait(State::warp_barrier, where); }
  void exchange(const void* mine, void* theirs, size_t bytes, int source, const Site& where);
  void release();
  void acquire();

 private:
  enum class State { ready, warp_barrier, shuffle, block_barrier, exited };
  struct Warp;
  struct Block;
  struct Thread {
    Warp* warp;
    unsigned number;
    void* stack;
    State state;
    Site where;
    /// Of a shuffle.
    const void* mine;
    void* theirs;
    size_t bytes;
    unsigned source;
  };
  struct Warp {
    Block* block;
    Thread* threads;
    unsigned count;
    uint32_t epoch;
  };
  struct Block {
    unsigned number;
    SharedMemory shared;
    std::vector<Thread> threads = std::vector<Thread>(kMostThreads);
    std::vector<Warp> warps;
    /// Warps that are at a barrier of the block, or at their end.
    size_t waiting, exited;
  };

  static void thread_main();
  void start(Block& block);
  void run_warp(Warp& warp);
  void settle(Warp& warp);
  void settle(Block& block);
  void breathe();
  void shuffle(Warp& warp);
  void wait(State state, const Site& where);
  [[noreturn]] void fail(Status result, const std::string& finding, const Site& where);
  void report(const Thread& thread, Status result, const std::string& finding, const Site& where);

  static constexpr size_t kResidentBlocks = 3;
  Stacks stacks_{kResidentBlocks * kMostThreads};
  Block resident_[kResidentBlocks];

  const Launch* launch_ = nullptr;
  std::shared_ptr<const Allocations> allocations_;
  const Allocation* last_found_ = nullptr;
  /// Which of the allocations the launch has stored to.
  std::vector<bool> stored_;
  WriteOrder order_;
  Random random_{0};
  std::vector<unsigned> to_come_;
  std::vector<Warp*> runnable_;
  Thread* running_ = nullptr;
  void* scheduler_stack_ = nullptr;
  /// Accesses until the next switch at random.
  unsigned quantum_ = 1;
  Status result_ = 0;
};

}  // namespace roi::standin
