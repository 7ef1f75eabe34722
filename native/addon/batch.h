#pragma once

#include <napi.h>

#include "device.h"
#include "pending.h"

namespace roi {

/// A problem with all its buffers bound, to be run step after step.
class BatchHandle : public Napi::ObjectWrap<BatchHandle> {
 public:
  static Napi::Function define(Napi::Env env);

  /// new Batch(device, shape, buffers)
  explicit BatchHandle(const Napi::CallbackInfo& info);

 private:
  /// run(call, ...): a step, with the arrays of each_step_array in their order, or undefined. The result is
  /// in `call` on return, or the step was enqueued and a Pending is returned.
  Napi::Value run(const Napi::CallbackInfo& info);

  /// record(the same): what a step needs, as a Recorded, to be run again and again.
  Napi::Value record(const Napi::CallbackInfo& info);

  /// The step that the arguments tell, checked but for its labels.
  Problem problem_of(const Napi::CallbackInfo& info) const;
  /// dispose(): lets go of the memory. Steps in flight keep theirs.
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Backend> backend_;  // null once disposed
  std::shared_ptr<Notifier> notifier_;
  Problem problem_;
  std::vector<MemoryRef> memory_;
};

}  // namespace roi
