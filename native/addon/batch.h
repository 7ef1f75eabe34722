#pragma once

#include <napi.h>

#include "arguments.h"
#include "device.h"
#include "pending.h"

namespace roi {

/// A problem with all its buffers bound, to be run step after step.
class BatchHandle : public Napi::ObjectWrap<BatchHandle> {
 public:
  static Napi::Function define(Napi::Env env);

  /// new Batch(device, shape, buffers, call): `call` is the row of numbers of the batch's steps.
  explicit BatchHandle(const Napi::CallbackInfo& info);

 private:
  /// run(call, ...): a step of the numbers in `call`, or in the batch's own row where that is undefined, and
  /// of the arrays of each_step_array in their order, each or all of which may be absent. The result is in
  /// the row on return, or the step was enqueued and a Pending is returned.
  Napi::Value run(const Napi::CallbackInfo& info);

  /// record(call, ...): what a step needs, as a Recorded, to be run again and again. `call` is its own from
  /// now on.
  Napi::Value record(const Napi::CallbackInfo& info);

  /// The step of `call` and the arrays among the arguments, checked but for its labels.
  Problem problem_of(const Napi::CallbackInfo& info, const double* call) const;
  /// dispose(): lets go of the memory. Steps in flight keep theirs.
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Backend> backend_;  // null once disposed
  std::shared_ptr<Notifier> notifier_;
  Problem problem_;
  CallRow call_;
  std::vector<MemoryRef> memory_;
};

}  // namespace roi
