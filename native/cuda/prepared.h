#pragma once

#include <memory>
#include <vector>

#include "launch.h"
#include "memory.h"
#include "slots.h"

namespace roi::cuda {

/// A step with all that its kernels need beside the tensors. On the stream that it was made on, memory that
/// is shared with other steps, or free again when this ends, is safe: whoever uses it next is behind in the
/// order.
struct Prepared {
  Problem problem;  ///< whose class weights and upstream gradients are the device's
  double class_weight_sum = 0;
  std::vector<std::unique_ptr<PooledMemory>> uploads;
  std::shared_ptr<PooledMemory> losses, workspace;
};

/// A captured step.
struct CapturedStep : StepGraph {
  explicit CapturedStep(const std::shared_ptr<Gpu>& gpu) : slots(gpu) {}

  Prepared prepared;
  /// One for each launch that is under way, with the graph that leaves its results there.
  Slots slots;
  /// Instead, where the step is part of a graph of the stream's owner: where that leaves its results.
  std::unique_ptr<Slot> owners;
};

/// The memory of the launches of all terms' losses by RoI.
inline LossRows loss_rows(const PooledMemory& memory) {
  auto* first = static_cast<float*>(memory.data());
  const size_t rows = memory.bytes() / sizeof(float) / kTerms;
  return {first, first + rows, first + 2 * rows};
}

}  // namespace roi::cuda
