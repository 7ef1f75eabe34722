#include "runner.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <utility>

#include "log.h"
#include "results.h"
#include "settings.h"

namespace roi::standin {

namespace {

// Read at every access, so not through a call: libcuda.so.1 has room for this one word in every thread.
[[gnu::tls_model("initial-exec")]] thread_local Runner* current_runner = nullptr;

bool same_place(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

}  // namespace

Status run(const Launch& launch, const Memory& memory) {
  // Kept from launch to launch, as many as ever ran at once. Never destroyed: at exit some may still run.
  static std::mutex& mutex = *new std::mutex;
  static auto& idle = *new std::vector<std::unique_ptr<Runner>>;
  std::unique_ptr<Runner> runner;
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      runner = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!runner) runner = std::make_unique<Runner>();
  const Status result = runner->run(launch, memory);
  const std::lock_guard lock(mutex);
  idle.push_back(std::move(runner));
  return result;
}

Runner& Runner::current() { return *current_runner; }

Status Runner::run(const Launch& launch, const Memory& memory) {
  current_runner = this;
  launch_ = &launch;
  allocations_ = memory.live();
  last_found_ = nullptr;
  random_ = Random(settings().seed + launch.number);
  stored_.assign(allocations_->size(), false);
  order_.begin_launch(launch.number, launch.blocks, launch.threads);
  result_ = cuda::kSuccess;
  runnable_.clear();
  to_come_.resize(launch.blocks);
  std::iota(to_come_.begin(), to_come_.end(), 0u);
  for (unsigned i = launch.blocks; i > 1; i--) std::swap(to_come_[i - 1], to_come_[random_.below(i)]);
  for (Block& block : resident_) start(block);
  while (!runnable_.empty() && !result_) {
    std::swap(runnable_[random_.below(static_cast<unsigned>(runnable_.size()))], runnable_.back());
    Warp& warp = *runnable_.back();
    runnable_.pop_back();
    run_warp(warp);
    if (!result_) settle(warp);
  }
  if (const std::string damage = memory.damage(); !result_ && !damage.empty()) {
    result_ = kIllegalAddress;
    standin::report(damage + ", after kernel " + launch.kernel->name);
  }
  allocations_.reset();
  count_launch(launch.blocks);
  return result_;
}

/// Lets the next block that is still to come take this one's place, if there is one.
void Runner::start(Block& block) {
  if (to_come_.empty()) return;
  block.number = to_come_.back();
  to_come_.pop_back();
  block.shared.begin_block(launch_->shared_bytes);
  block.waiting = block.exited = 0;
  block.warps.resize((launch_->threads + kWarpThreads - 1) / kWarpThreads);
  const size_t first_stack = static_cast<size_t>(&block - resident_) * kMostThreads;
  for (unsigned i = 0; i < launch_->threads; i++) {
    Warp& warp = block.warps[i / kWarpThreads];
    Thread& thread = block.threads[i];
    if (i % kWarpThreads == 0) warp = {&block, &thread, 0, 0};
    warp.count++;
    thread = {.warp = &warp,
              .number = i,
              .stack = fresh_stack(stacks_.top(first_stack + i), thread_main),
              .state = State::ready,
              .where = {},
              .mine = nullptr,
              .theirs = nullptr,
              .bytes = 0,
              .source = 0};
  }
  for (Warp& warp : block.warps) runnable_.push_back(&warp);
}

void Runner::thread_main() {
  Runner& runner = current();
  runner.launch_->kernel->run(runner.launch_->params.data());
  runner.wait(State::exited, {});
}

/// Each lane until it waits, ends, or gives way at random.
void Runner::run_warp(Warp& warp) {
  const unsigned first = random_.below(warp.count);
  for (unsigned i = 0; i < warp.count && !result_; i++) {
    Thread& thread = warp.threads[(first + i) % warp.count];
    if (thread.state != State::ready) continue;
    running_ = &thread;
    roi_standin_switch(&scheduler_stack_, thread.stack);
  }
}

void Runner::wait(State state, const Site& where) {
  Thread& thread = *running_;
  thread.state = state;
  thread.where = where;
  roi_standin_switch(&thread.stack, scheduler_stack_);
}

void Runner::breathe() {
  quantum_ = 1 + random_.below(256);
  wait(State::ready, {});
}

void Runner::release() {
  order_.release(running_->warp->block->number, running_->number);
  breathe();
}

void Runner::acquire() { order_.acquire(running_->warp->block->number, running_->number); }

void Runner::exchange(const void* mine, void* theirs, size_t bytes, int source, const Site& where) {
  Thread& thread = *running_;
  thread.mine = mine;
  thread.theirs = theirs;
  thread.bytes = bytes;
  thread.source = static_cast<unsigned>(source);
  wait(State::shuffle, where);
}

/// Once no lane can go on by itself, all have to be at one and the same place.
void Runner::settle(Warp& warp) {
  const auto begin = warp.threads, end = begin + warp.count;
  const auto in = [](State state) { return [state](const Thread& thread) { return thread.state == state; }; };
  if (std::any_of(begin, end, in(State::ready))) return runnable_.push_back(&warp);

  const auto synced = std::find_if(begin, end, [](const Thread& thread) {
    return thread.state == State::shuffle || thread.state == State::warp_barrier;
  });
  if (synced == end) {
    Block& block = *warp.block;
    block.waiting++;
    if (std::all_of(begin, end, in(State::exited))) block.exited++;
    return settle(block);
  }
  const auto astray = std::find_if(begin, end, [&](const Thread& thread) {
    return thread.state != synced->state || !same_place(thread.where, synced->where) ||
           (synced->state == State::shuffle && thread.bytes != synced->bytes);
  });
  if (astray != end || warp.count != kWarpThreads) {
    const std::string other = astray == end                    ? "the warp is not full"
                              : astray->state == State::exited ? "a lane has ended"
                                                               : "a lane is elsewhere";
    return report(*synced, kLaunchFailed,
                  (synced->state == State::shuffle ? "shuffle" : "warp barrier") +
                      std::string(" under divergence: ") + other,
                  synced->where);
  }
  if (synced->state == State::shuffle) {
    shuffle(warp);
  } else {
    warp.epoch++;
    order_.warp_barrier(warp.block->number, warp.threads->number);
  }
  for (auto thread = begin; thread != end; thread++) thread->state = State::ready;
  runnable_.push_back(&warp);
}

void Runner::shuffle(Warp& warp) {
  for (unsigned i = 0; i < warp.count; i++) {
    const Thread& thread = warp.threads[i];
    std::memcpy(thread.theirs, warp.threads[thread.source].mine, thread.bytes);
  }
}

/// Once no warp can go on by itself, all threads have to be at one barrier, or at their end.
void Runner::settle(Block& block) {
  if (block.waiting < block.warps.size()) return;
  if (block.exited == block.warps.size()) return start(block);
  const auto begin = block.threads.begin(), end = begin + launch_->threads;
  const auto waits =
      std::find_if(begin, end, [](const Thread& thread) { return thread.state == State::block_barrier; });
  for (auto thread = begin; thread != end; thread++) {
    if (thread->state != State::block_barrier || !same_place(thread->where, waits->where)) {
      return report(*waits, kLaunchFailed,
                    std::string("barrier not reached by all threads of the block: thread ") +
                        std::to_string(thread->number) +
                        (thread->state == State::exited ? " has ended" : " is at another"),
                    waits->where);
    }
    thread->state = State::ready;
  }
  block.shared.block_barrier();
  order_.block_barrier(block.number);
  block.waiting = 0;
  for (Warp& warp : block.warps) runnable_.push_back(&warp);
}

void Runner::fail(Status result, const std::string& finding, const Site& where) {
  report(*running_, result, finding, where);
  wait(State::exited, where);
  __builtin_unreachable();
}

void Runner::report(const Thread& thread, Status result, const std::string& finding, const Site& where) {
  result_ = result;
  const std::string file = where.file_name();
  standin::report(finding + ": kernel " + launch_->kernel->name + ", block " +
                  std::to_string(thread.warp->block->number) + ", thread " + std::to_string(thread.number) +
                  " (" + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line()) + ")");
}

}  // namespace roi::standin
