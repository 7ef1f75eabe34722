#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "backend.h"

namespace roi {

/// Runs steps one after another on a thread of its own, in the order of their submission. The thread ends
/// when it has had nothing to do for a while, so that a forgotten device leaves none behind.
class StepQueue {
 public:
  explicit StepQueue(std::function<void(Step&)> run) : run_(std::move(run)) {}
  ~StepQueue() { close(); }

  /// Blocks while kMaxQueued steps are waiting, so that a loop that never awaits cannot fill memory.
  void submit(StepRef step);
  void synchronize();
  bool is_idle();
  /// Whether a step came upon a bad input, and no error has told of it yet.
  bool has_unreported();
  /// Finishes what was submitted, its `on_done` included, and ends the thread.
  void close();

 private:
  static constexpr size_t kMaxQueued = 64;
  static constexpr std::chrono::seconds kIdle{1};

  void work();

  const std::function<void(Step&)> run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<StepRef> queue_;                  // the first is the one running
  std::shared_ptr<BadInputReport> bad_input_;  // the last that a step came upon
  bool stopping_ = false;
  bool is_working_ = false;  // whether the thread takes steps, and has not ended
  std::thread thread_;
};

}  // namespace roi
