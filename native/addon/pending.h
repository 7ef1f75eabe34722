#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "../backend.h"
#include "notifier.h"

namespace roi {

/// A step with all that it works on, to be run once or again and again.
struct Recorded {
  /// JavaScript may change or drop its arrays while the step runs, so it gets copies of them.
  Recorded(const Problem& problem, std::vector<MemoryRef> memory);

  Problem problem;
  std::vector<MemoryRef> memory;
  std::vector<std::vector<float>> floats;
  std::shared_ptr<StepGraph> graph;
};

/// A step that was enqueued.
struct InFlight : Step {
  std::shared_ptr<const Recorded> recorded;  ///< null where it has no terms

  std::mutex mutex;  ///< of what follows
  std::condition_variable done_changed;
  std::atomic<bool> done{false};  ///< written under the mutex
  std::vector<Napi::Promise::Deferred> waiting;
  std::shared_ptr<Notifier> notifier;
};

std::shared_ptr<InFlight> in_flight(std::shared_ptr<const Recorded> recorded);

/// Enqueues a step and returns JavaScript's hold on it.
Napi::Object submit(Napi::Env env, std::shared_ptr<Backend> backend, std::shared_ptr<Notifier> notifier,
                    std::shared_ptr<InFlight> step);

/// JavaScript's hold on a step in flight.
class PendingHandle : public Napi::ObjectWrap<PendingHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PendingHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  friend Napi::Object submit(Napi::Env, std::shared_ptr<Backend>, std::shared_ptr<Notifier>,
                             std::shared_ptr<InFlight>);

  /// done(): a promise for the end of the step.
  Napi::Value done(const Napi::CallbackInfo& info);
  /// result(call): waits for the end of the step and writes its result into the numbers of a call. Throws if
  /// the step went wrong.
  void result(const Napi::CallbackInfo& info);
  /// check(): waits, and throws what went wrong and nobody was told of.
  void check(const Napi::CallbackInfo& info);
  /// captured: the owner of the stream captured the step, and there is no end to wait for.
  Napi::Value captured(const Napi::CallbackInfo& info);
  /// latest(): of a step that was captured, a Pending for what its last run left.
  Napi::Value latest(const Napi::CallbackInfo& info);
  void wait();

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<InFlight> step_;
};

}  // namespace roi
