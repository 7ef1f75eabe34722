#pragma once

#include <napi.h>

#include "arguments.h"
#include "errors.h"
#include "pending.h"

namespace roi {

/// Runs `problem`, or enqueues the step that `make` makes of it: the result is in `call`, or a Pending is
/// returned.
template <class Make>
Napi::Value run_step(Napi::Env env, const std::shared_ptr<Backend>& backend,
                     const std::shared_ptr<Notifier>& notifier, const Problem& problem, double* call,
                     Make make) {
  check_input(env, backend->find_bad_input(problem));
  return with_js_errors(env, "running a step", [&]() -> Napi::Value {
    if (backend->queues(problem)) return submit(env, backend, notifier, make());
    Result result;
    backend->run(problem, result);
    check_input(env, result.bad_input);
    write_result(call, result);
    return env.Undefined();
  });
}

/// JavaScript's hold on a step that is run again and again.
class RecordedHandle : public Napi::ObjectWrap<RecordedHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Backend> backend,
                             std::shared_ptr<Notifier> notifier, std::shared_ptr<const Recorded> step,
                             CallRow call);
  explicit RecordedHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  /// run(): as that of a Batch, but for the options and the row, which are those that were recorded.
  Napi::Value run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Notifier> notifier_;
  std::shared_ptr<const Recorded> step_;
  CallRow call_;
};

}  // namespace roi
