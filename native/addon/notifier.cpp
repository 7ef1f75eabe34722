#include "notifier.h"

namespace roi {

Notifier::Notifier(Napi::Env env)
    : function_(Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                              "roi-loss", 0, 1)) {
  function_.Unref(env);
}

void Notifier::close() { function_.Release(); }

void Notifier::notify(std::function<void(Napi::Env)> action) {
  using Action = std::function<void(Napi::Env)>;
  auto* heap = new Action(std::move(action));
  const napi_status status = function_.NonBlockingCall(heap, [](Napi::Env env, Napi::Function, Action* call) {
    const std::unique_ptr<Action> owned(call);
    if (env) (*owned)(env);
  });
  if (status != napi_ok) delete heap;
}

void Notifier::expect(Napi::Env env) {
  if (expected_++ == 0) function_.Ref(env);
}

void Notifier::received(Napi::Env env) {
  if (--expected_ == 0) function_.Unref(env);
}

}  // namespace roi
