#include "stream_handles.h"

#include "environment.h"
#include "errors.h"

namespace roi {
namespace {

constexpr napi_type_tag kMarkTag = {0x7c0e5d3a91b64f28, 0xa4d2c86e1f095b73};

}  // namespace

Napi::Function MarkHandle::define(Napi::Env env) {
  return DefineClass(env, "Mark", {InstanceMethod<&MarkHandle::since>("since")});
}

Napi::Object MarkHandle::create(Napi::Env env, std::unique_ptr<Mark> mark) {
  const Napi::Object object = Environment::of(env).mark_class.New({});
  Unwrap(object)->mark_ = std::move(mark);
  return object;
}

MarkHandle::MarkHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kMarkTag);
}

Napi::Value MarkHandle::since(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject() || !info[0].As<Napi::Object>().CheckTypeTag(&kMarkTag))
    throw_coded<Napi::TypeError>(info.Env(), "ERR_ROI_LOSS_TYPE", "expected a mark");
  const MarkHandle* earlier = Unwrap(info[0].As<Napi::Object>());
  const double milliseconds =
      with_js_errors(info.Env(), "reading a time", [&] { return mark_->since(*earlier->mark_); });
  return Napi::Number::New(info.Env(), milliseconds);
}

Napi::Function GraphHandle::define(Napi::Env env) {
  return DefineClass(env, "Graph", {InstanceMethod<&GraphHandle::launch>("launch")});
}

Napi::Object GraphHandle::create(Napi::Env env, std::shared_ptr<Backend> backend,
                                 std::shared_ptr<WorkGraph> graph) {
  const Napi::Object object = Environment::of(env).graph_class.New({});
  GraphHandle* const handle = Unwrap(object);
  handle->backend_ = std::move(backend);
  handle->graph_ = std::move(graph);
  return object;
}

void GraphHandle::launch(const Napi::CallbackInfo& info) {
  with_js_errors(info.Env(), "launching a graph", [&] { backend_->launch(*graph_); });
}

}  // namespace roi
