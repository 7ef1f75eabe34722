#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "../spin.h"
#include "graph.h"
#include "memory.h"

namespace roi::cuda {

/// A step is one launch for each element type among its terms.
constexpr size_t kMaxLaunches = 3;

/// Where a step leaves its results, in pinned memory, and the event behind its last launch.
class Slot {
 public:
  explicit Slot(const std::shared_ptr<Gpu>& gpu)
      : done(gpu), memory_(gpu, kMaxLaunches * sizeof(StepResult)) {}

  const StepResult& result(size_t launch) const {
    return static_cast<const StepResult*>(memory_.host())[launch];
  }
  /// The same, as the device addresses it.
  StepResult* target(size_t launch) const { return reinterpret_cast<StepResult*>(memory_.device()) + launch; }

  /// Whether a launch has left its result since `expect_result`, or begun to.
  bool has_result(size_t launch) const {
    return *static_cast<const volatile uint64_t*>(result(launch).counters) != kNoResult;
  }
  void expect_result(size_t launch) {
    static_cast<StepResult*>(memory_.host())[launch].counters[0] = kNoResult;
  }

  /// Returns when what was enqueued before `done` was recorded is done. Looks at the results for a while
  /// first, which takes no call of the driver: they come little sooner than the event. Throws what went
  /// wrong.
  void wait() {
    const auto has_results = [this] {
      size_t launch = 0;
      while (launch < launches && has_result(launch)) launch++;
      return launch == launches;
    };
    done.wait(spin_until(has_results));
  }

  Event done;
  size_t launches = 0;
  std::unique_ptr<Graph> graph;  ///< of a captured step: what leaves its results here

 private:
  static constexpr uint64_t kNoResult = ~uint64_t{0};  // nothing is counted that far

  MappedMemory memory_;
};

/// Slots that no step is using, kept for the next.
class Slots {
 public:
  explicit Slots(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}

  std::unique_ptr<Slot> take() {
    auto slot = take_free();
    return slot ? std::move(slot) : std::make_unique<Slot>(gpu_);
  }
  /// Null if there is none.
  std::unique_ptr<Slot> take_free() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    auto slot = std::move(free_.back());
    free_.pop_back();
    return slot;
  }
  void put(std::unique_ptr<Slot> slot) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(slot));
  }

 private:
  const std::shared_ptr<Gpu> gpu_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Slot>> free_;
};

}  // namespace roi::cuda
