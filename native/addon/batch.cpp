#include "batch.h"

#include "../buffers.h"
#include "arguments.h"
#include "environment.h"
#include "errors.h"
#include "recorded.h"

namespace roi {

Napi::Function BatchHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Batch",
      {InstanceMethod<&BatchHandle::run>("run"), InstanceMethod<&BatchHandle::record>("record"),
       InstanceMethod<&BatchHandle::dispose>("dispose")});
}

BatchHandle::BatchHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const DeviceHandle* device = DeviceHandle::from(info[0]);
  backend_ = device->backend(info.Env());
  notifier_ = device->notifier();
  problem_ = parse_shape(info[1].As<Napi::Object>());
  check_sources(info.Env(), problem_, *backend_);
  bind_buffers(problem_, info[2].As<Napi::Object>(), &memory_);
  call_ = CallRow(info[3]);
}

Problem BatchHandle::problem_of(const Napi::CallbackInfo& info, const double* call) const {
  if (!backend_)
    throw_coded<Napi::TypeError>(info.Env(), "ERR_ROI_LOSS_DISPOSED", "this batch has been disposed");
  Problem problem = problem_;
  read_options(problem, call);
  if (size_t next = 1; info.Length() > next)
    each_step_array(problem, [&](const char* name, const float*& pointer, int64_t length) {
      pointer = optional_floats(name, info[next++], length);
    });
  check_gradients(info.Env(), problem);
  return problem;
}

Napi::Value BatchHandle::run(const Napi::CallbackInfo& info) {
  double* const call = info[0].IsUndefined() ? call_.numbers() : call_numbers(info[0]);
  const Problem problem = problem_of(info, call);
  return run_step(info.Env(), backend_, notifier_, problem, call,
                  [&] { return in_flight(std::make_shared<Recorded>(problem, memory_)); });
}

Napi::Value BatchHandle::record(const Napi::CallbackInfo& info) {
  CallRow call(info[0]);
  auto step = std::make_shared<Recorded>(problem_of(info, call.numbers()), memory_);
  step->graph =
      with_js_errors(info.Env(), "capturing a step", [&] { return backend_->capture(step->problem); });
  return RecordedHandle::create(info.Env(), backend_, notifier_, std::move(step), std::move(call));
}

void BatchHandle::dispose(const Napi::CallbackInfo&) {
  memory_.clear();
  notifier_.reset();
  backend_.reset();
}

}  // namespace roi
