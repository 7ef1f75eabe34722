#pragma once

#include <napi.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "../backend.h"
#include "notifier.h"

namespace roi {

/// A step that was enqueued, with all that it works on.
struct InFlight : Step {
  std::vector<MemoryRef> memory;
  std::vector<std::vector<float>> floats;  ///< copies of what came from JavaScript's own memory

  std::mutex mutex;  ///< of what follows
  std::condition_variable done_changed;
  bool done = false;
  std::vector<Napi::Promise::Deferred> waiting;
  std::shared_ptr<Notifier> notifier;
};

/// Enqueues a step and returns JavaScript's hold on it.
Napi::Object submit(Napi::Env env, Backend& backend, std::shared_ptr<Notifier> notifier,
                    std::shared_ptr<InFlight> step);

/// JavaScript's hold on a step in flight.
class PendingHandle : public Napi::ObjectWrap<PendingHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PendingHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  friend Napi::Object submit(Napi::Env, Backend&, std::shared_ptr<Notifier>, std::shared_ptr<InFlight>);

  /// done(): a promise for the end of the step.
  Napi::Value done(const Napi::CallbackInfo& info);
  /// result(call): waits for the end of the step and writes its result into the numbers of a call. Throws if
  /// the step went wrong.
  void result(const Napi::CallbackInfo& info);
  /// check(): waits, and throws what went wrong and nobody was told of.
  void check(const Napi::CallbackInfo& info);
  void wait();

  std::shared_ptr<InFlight> step_;
};

}  // namespace roi
