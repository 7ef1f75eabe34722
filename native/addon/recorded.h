#pragma once

#include <napi.h>

#include "arguments.h"
#include "errors.h"
#include "pending.h"

namespace roi {

/// Runs `problem`, or enqueues the step that `make` makes of it: the result is in the call, the first
/// argument, or a Pending is returned.
template <class Make>
Napi::Value run_step(const Napi::CallbackInfo& info, const std::shared_ptr<Backend>& backend,
                     const std::shared_ptr<Notifier>& notifier, const Problem& problem, Make make) {
  double* const call = call_numbers(info[0]);
  check_input(info.Env(), backend->find_bad_input(problem));
  return with_js_errors(info.Env(), "running a step", [&]() -> Napi::Value {
    if (backend->queues(problem)) return submit(info.Env(), backend, notifier, make());
    Result result;
    backend->run(problem, result);
    check_input(info.Env(), result.bad_input);
    write_result(call, result);
    return info.Env().Undefined();
  });
}

/// JavaScript's hold on a step that is run again and again.
class RecordedHandle : public Napi::ObjectWrap<RecordedHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Backend> backend,
                             std::shared_ptr<Notifier> notifier, std::shared_ptr<const Recorded> step);
  explicit RecordedHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  /// run(call): as that of a Batch, but for the options, which are those that were recorded.
  Napi::Value run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Notifier> notifier_;
  std::shared_ptr<const Recorded> step_;
};

}  // namespace roi
