#include "recorded.h"

#include "environment.h"

namespace roi {

Napi::Function RecordedHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Recorded",
      {InstanceMethod<&RecordedHandle::run>("run"), InstanceMethod<&RecordedHandle::dispose>("dispose")});
}

Napi::Object RecordedHandle::create(Napi::Env env, std::shared_ptr<Backend> backend,
                                    std::shared_ptr<Notifier> notifier, std::shared_ptr<const Recorded> step,
                                    CallRow call) {
  const Napi::Object object = Environment::of(env).recorded_class.New({});
  RecordedHandle* const handle = Unwrap(object);
  handle->backend_ = std::move(backend);
  handle->notifier_ = std::move(notifier);
  handle->step_ = std::move(step);
  handle->call_ = std::move(call);
  return object;
}

Napi::Value RecordedHandle::run(const Napi::CallbackInfo& info) {
  if (!step_)
    throw_coded<Napi::TypeError>(info.Env(), "ERR_ROI_LOSS_DISPOSED", "this graph has been disposed");
  return run_step(info.Env(), backend_, notifier_, step_->problem, call_.numbers(),
                  [&] { return in_flight(step_); });
}

void RecordedHandle::dispose(const Napi::CallbackInfo&) { step_.reset(); }

}  // namespace roi
