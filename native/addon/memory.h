#pragma once

#include <napi.h>

#include "../backend.h"
#include "notifier.h"

namespace roi {

/// JavaScript's hold on a piece of device memory.
class MemoryHandle : public Napi::ObjectWrap<MemoryHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Backend> backend,
                             std::shared_ptr<Notifier> notifier, MemoryRef memory, bool owned);
  /// Null if `value` is no MemoryHandle. Throws if it is disposed.
  static MemoryRef from(Napi::Value value);

  explicit MemoryHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value pointer(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  /// readLater(into): a Pending for the end of the copy, for which the caller keeps `into`, or undefined if
  /// it is done.
  Napi::Value read_later(const Napi::CallbackInfo& info);
  /// share(): the bytes of an IpcToken.
  Napi::Value share(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  MemoryRef memory(Napi::Env env) const;
  void release(Napi::BasicEnv env);

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Notifier> notifier_;
  MemoryRef memory_;
  int64_t accounted_ = 0;  // bytes that V8 was told of
};

}  // namespace roi
