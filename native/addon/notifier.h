#pragma once

#include <napi.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace roi {

/// Brings word from a backend's threads to the JavaScript thread of one environment. While somebody awaits
/// word it keeps the event loop alive, and only then.
class Notifier {
 public:
  explicit Notifier(Napi::Env env);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// On the JavaScript thread: nobody will notify any more. What has been said still arrives.
  void close();

  using Action = std::function<void(Napi::Env)>;

  /// From any thread: calls `action` on the JavaScript thread, unless that is on its way out.
  void notify(Action action);

  /// On the JavaScript thread, in pairs.
  void expect(Napi::Env env);
  void received(Napi::Env env);

 private:
  static void call(Napi::Env env, Napi::Function, std::nullptr_t*, Action* action);

  Napi::TypedThreadSafeFunction<std::nullptr_t, Action, call> function_;
  int expected_ = 0;
};

}  // namespace roi
