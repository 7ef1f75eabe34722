#pragma once

#include <napi.h>

#include <vector>

#include "../backend.h"

// How a step comes from lib/: its shape and its buffers as objects with names, once a batch; its options and
// results as one Float64Array, every step, because reading twenty properties would cost more than a small
// step.

namespace roi {

/// Where each number of a step lies in the Float64Array; behind these come, for each kind of each term's
/// list, its weight and the values of its options. lib/ gets them by name, so this is the only copy.
// clang-format off
#define ROI_TERM_SLOTS(X, term) \
  X(term, enabled) X(term, gradient) X(term, metrics) X(term, reduction) X(term, weight) X(term, normalizer) \
  X(term, gradScale)
#define ROI_CALL_SLOTS(X) \
  ROI_TERM_SLOTS(X, class) ROI_TERM_SLOTS(X, box) ROI_TERM_SLOTS(X, mask) \
  X(box, deltaX) X(box, deltaY) X(box, deltaW) X(box, deltaH) X(mask, crop) \
  X(class, loss) X(box, loss) X(mask, loss) \
  X(class, rois) X(class, right) X(class, foreground) X(class, foregroundRight) X(class, foregroundMissed) \
  X(mask, pixels) X(mask, foreground) X(mask, falsePositives) X(mask, falseNegatives)
// clang-format on

Napi::Value call_slot_names(Napi::Env env);

/// Sizes and types. Throws if a size is negative, not whole, or a product of sizes overflows.
Problem parse_shape(Napi::Object shape);

/// Points `problem` at its buffers, which are typed arrays or MemoryHandles; `keep` gets what must outlive a
/// step.
void bind_buffers(Problem& problem, Napi::Object buffers, std::vector<MemoryRef>* keep);

/// The numbers of a step. Throws if `call` is not a Float64Array of the right length.
double* call_numbers(Napi::Value call);

/// Such numbers that stay where they are for many steps: to look at a typed array takes longer than a RoI's
/// boxes.
class CallRow {
 public:
  CallRow() = default;
  explicit CallRow(Napi::Value call)
      : numbers_(call_numbers(call)), call_(Napi::Persistent(call.As<Napi::Float64Array>())) {}
  double* numbers() const { return numbers_; }

 private:
  double* numbers_ = nullptr;
  Napi::Reference<Napi::Float64Array> call_;  // keeps them
};
void read_options(Problem& problem, const double* call);
void write_result(double* call, const Result& result);

/// [length] floats that come with a step, or null where `value` is undefined.
const float* optional_floats(const char* name, Napi::Value value, int64_t length);

/// Throws ERR_ROI_LOSS_LABEL or ERR_ROI_LOSS_VALUE if there is a bad input.
void check_input(Napi::Env env, const std::optional<BadInput>& bad);

/// Throws if targets are to be made on a device that cannot.
void check_sources(Napi::Env env, const Problem& problem, const Backend& backend);

/// Throws if a gradient that is asked for has no buffer.
void check_gradients(Napi::Env env, const Problem& problem);

}  // namespace roi
