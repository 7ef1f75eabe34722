#pragma once

#include <cstddef>

// The threads of a block, as stacks that one thread of the CPU switches between.

namespace roi::standin {

/// Leaves the running stack, whose pointer goes to `*from`, for the one that `to` points into.
extern "C" void roi_standin_switch(void** from, void* to);

/// What to switch to so that `entry`, which must not return, runs on the stack that ends at `top`.
void* fresh_stack(std::byte* top, void (*entry)());

/// Memory for stacks, each with a page below it that faults.
class Stacks {
 public:
  explicit Stacks(size_t count);
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  std::byte* top(size_t stack) const;

 private:
  size_t count_;
  std::byte* memory_;
};

}  // namespace roi::standin
