#include "notifier.h"

namespace roi {

Notifier::Notifier(Napi::Env env) : function_(decltype(function_)::New(env, "roi-loss", 0, 1)) {
  function_.Unref(env);
}

void Notifier::close() { function_.Release(); }

void Notifier::notify(Action action) {
  auto owned = std::make_unique<Action>(std::move(action));
  if (function_.NonBlockingCall(owned.get()) == napi_ok) owned.release();
}

/// Without an environment where that ended before the action's turn came: what the action holds goes with it.
void Notifier::call(Napi::Env env, Napi::Function, std::nullptr_t*, Action* action) {
  const std::unique_ptr<Action> owned(action);
  if (env) (*owned)(env);
}

void Notifier::expect(Napi::Env env) {
  if (expected_++ == 0) function_.Ref(env);
}

void Notifier::received(Napi::Env env) {
  if (--expected_ == 0) function_.Unref(env);
}

}  // namespace roi
