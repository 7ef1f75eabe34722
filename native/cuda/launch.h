#pragma once

#include <optional>

#include "step_params.h"

namespace roi::cuda {

/// Where the losses of the RoIs go, in memory of the device.
struct LossRows {
  float *cls, *box, *mask;
};

/// Whether any of the terms works on elements of `dtype`: those come in one launch.
bool has_terms_of(const Problem& problem, DType dtype);

/// The terms of a problem that work on elements of `dtype`, as a kernel takes them. All pointers are the
/// device's; `class_weight_sum` is Σ_c w_c. Few RoIs are spread over the GPU's multiprocessors.
StepParams params_of(const Problem& problem, DType dtype, double class_weight_sum, const LossRows& rows,
                     Workspace* workspace, StepResult* result, int multiprocessors);

int total_of(const Tasks& tasks);

/// The shared memory of a block, in bytes.
size_t shared_bytes_of(const StepParams& params);

/// Adds what a launch left to the result of its step.
void collect(const StepResult& from, Result& into);
std::optional<BadInput> bad_input_of(const StepResult& result, int64_t classes);

/// Throws std::length_error if a kernel cannot count that far.
void check_sizes(const Problem& problem);

}  // namespace roi::cuda
