#pragma once

#include <napi.h>

namespace roi {

/// What each JavaScript environment (the main thread, each worker) has of its own.
struct Environment {
  Napi::FunctionReference memory_class, pending_class, recorded_class, mark_class, graph_class;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace roi
