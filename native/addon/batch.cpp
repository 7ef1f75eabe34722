#include "batch.h"

#include "arguments.h"
#include "environment.h"
#include "errors.h"

namespace roi {

Napi::Function BatchHandle::define(Napi::Env env) {
  return DefineClass(env, "Batch", {InstanceMethod<&BatchHandle::run>("run")});
}

BatchHandle::BatchHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const DeviceHandle* device = DeviceHandle::from(info[0]);
  backend_ = device->backend(info.Env());
  notifier_ = device->notifier();
  problem_ = parse_shape(info[1].As<Napi::Object>());
  bind_buffers(problem_, info[2].As<Napi::Object>(), &memory_);
}

Napi::Value BatchHandle::run(const Napi::CallbackInfo& info) {
  double* call = call_numbers(info[0]);
  Problem problem = problem_;
  read_options(problem, call);
  problem.cls.weights = optional_floats(info[1], problem.classes);
  problem.cls.upstream = optional_floats(info[2], problem.rois);
  problem.box.upstream = optional_floats(info[3], problem.rois);
  problem.mask.upstream = optional_floats(info[4], problem.mask_rois);
  check_gradients(info.Env(), problem);
  check_labels(info.Env(), backend_->find_bad_label(problem));
  return with_js_errors(info.Env(), "running a step", [&]() -> Napi::Value {
    if (backend_->queues(problem)) return submit(info.Env(), *backend_, notifier_, in_flight(problem));
    Result result;
    backend_->run(problem, result);
    write_result(call, result);
    return info.Env().Undefined();
  });
}

/// JavaScript may change or drop its arrays while the step runs, so it gets copies of them.
std::shared_ptr<InFlight> BatchHandle::in_flight(const Problem& problem) const {
  const auto step = std::make_shared<InFlight>();
  step->problem = problem;
  step->memory = memory_;
  const auto own = [&](const float*& floats, int64_t length) {
    if (floats) floats = step->floats.emplace_back(floats, floats + length).data();
  };
  own(step->problem.cls.weights, problem.classes);
  own(step->problem.cls.upstream, problem.rois);
  own(step->problem.box.upstream, problem.rois);
  own(step->problem.mask.upstream, problem.mask_rois);
  return step;
}

}  // namespace roi
