#include "pending.h"

#include "../spin.h"
#include "arguments.h"
#include "environment.h"
#include "errors.h"

namespace roi {

namespace {

void finish(const std::shared_ptr<InFlight>& step) {
  const std::lock_guard lock(step->mutex);
  // Its memory goes now, not with JavaScript's hold on the step, which the garbage collector may take long to
  // drop. A captured step may run again.
  if (!step->is_captured) step->recorded.reset();
  step->done = true;
  step->done_changed.notify_all();
  if (step->waiting.empty()) return;
  // From here on nobody but the JavaScript thread touches `waiting`.
  step->notifier->notify([step](Napi::Env env) {
    for (const auto& deferred : step->waiting) {
      deferred.Resolve(env.Undefined());
      step->notifier->received(env);
    }
    step->waiting.clear();
  });
}

}  // namespace

Recorded::Recorded(const Problem& given, std::vector<MemoryRef> memory)
    : problem(given), memory(std::move(memory)) {
  const auto own = [&](const float*& from, int64_t length) {
    if (from) from = floats.emplace_back(from, from + length).data();
  };
  own(problem.cls.weights, problem.classes);
  own(problem.cls.upstream, problem.rois);
  own(problem.box.upstream, problem.rois);
  own(problem.mask.upstream, problem.mask_rois);
}

std::shared_ptr<InFlight> in_flight(std::shared_ptr<const Recorded> recorded) {
  const auto step = std::make_shared<InFlight>();
  step->problem = recorded->problem;
  step->graph = recorded->graph;
  step->recorded = std::move(recorded);
  return step;
}

Napi::Object submit(Napi::Env env, std::shared_ptr<Backend> backend, std::shared_ptr<Notifier> notifier,
                    std::shared_ptr<InFlight> step) {
  const Napi::Object pending = Environment::of(env).pending_class.New({});
  PendingHandle* const handle = PendingHandle::Unwrap(pending);
  handle->backend_ = backend;
  handle->step_ = step;
  step->notifier = std::move(notifier);
  step->on_done = [weak = std::weak_ptr(step)] { finish(weak.lock()); };  // the backend holds it until then
  backend->submit(std::move(step));
  return pending;
}

Napi::Function PendingHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Pending",
      {InstanceMethod<&PendingHandle::done>("done"), InstanceMethod<&PendingHandle::result>("result"),
       InstanceMethod<&PendingHandle::check>("check"), InstanceAccessor<&PendingHandle::captured>("captured"),
       InstanceMethod<&PendingHandle::latest>("latest")});
}

Napi::Value PendingHandle::done(const Napi::CallbackInfo& info) {
  const auto deferred = Napi::Promise::Deferred::New(info.Env());
  const std::lock_guard lock(step_->mutex);
  if (step_->done) {
    deferred.Resolve(info.Env().Undefined());
  } else {
    step_->notifier->expect(info.Env());
    step_->waiting.push_back(deferred);
  }
  return deferred.Promise();
}

Napi::Value PendingHandle::captured(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), step_->is_captured);
}

Napi::Value PendingHandle::latest(const Napi::CallbackInfo& info) {
  auto step = in_flight(step_->recorded);
  step->graph = step_->graph;
  return with_js_errors(info.Env(), "a captured step", [&]() -> Napi::Value {
    return submit(info.Env(), backend_, step_->notifier, std::move(step));
  });
}

void PendingHandle::wait() {
  const auto is_done = [this] { return step_->done.load(); };
  if (backend_->is_prompt() && spin_until(is_done)) return;
  std::unique_lock lock(step_->mutex);
  step_->done_changed.wait(lock, is_done);
}

void PendingHandle::result(const Napi::CallbackInfo& info) {
  wait();
  if (!step_->error.empty()) throw_coded<Napi::Error>(info.Env(), step_->error_code, step_->error);
  if (const auto& bad = step_->bad_input) {
    bad->reported = true;
    check_input(info.Env(), bad->input);
  }
  write_result(call_numbers(info[0]), step_->result);
}

void PendingHandle::check(const Napi::CallbackInfo& info) {
  wait();
  if (!step_->error.empty()) throw_coded<Napi::Error>(info.Env(), step_->error_code, step_->error);
  if (const auto& bad = step_->bad_input; bad && !bad->reported.exchange(true))
    check_input(info.Env(), bad->input);
}

}  // namespace roi
