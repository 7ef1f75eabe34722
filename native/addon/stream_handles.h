#pragma once

#include <napi.h>

#include "../backend.h"

namespace roi {

/// JavaScript's hold on a point in the order of a device's work.
class MarkHandle : public Napi::ObjectWrap<MarkHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::unique_ptr<Mark> mark);
  explicit MarkHandle(const Napi::CallbackInfo& info);

 private:
  /// since(earlier): milliseconds between the two, which are of one device.
  Napi::Value since(const Napi::CallbackInfo& info);

  std::unique_ptr<Mark> mark_;
};

/// JavaScript's hold on what a stream was given for a while.
class GraphHandle : public Napi::ObjectWrap<GraphHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Backend> backend,
                             std::shared_ptr<WorkGraph> graph);
  explicit GraphHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  /// launch(): enqueues it all again.
  void launch(const Napi::CallbackInfo& info);

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<WorkGraph> graph_;
};

}  // namespace roi
