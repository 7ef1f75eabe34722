#pragma once

#include <napi.h>

#include "../backend.h"
#include "notifier.h"

namespace roi {

/// JavaScript's hold on a backend.
class DeviceHandle : public Napi::ObjectWrap<DeviceHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static DeviceHandle* from(Napi::Value value);

  /// new Device('cpu', threads, simd?) or new Device('cuda', ordinal, stream?)
  explicit DeviceHandle(const Napi::CallbackInfo& info);
  ~DeviceHandle() override;

  /// Throws if the device is disposed.
  std::shared_ptr<Backend> backend(Napi::Env env) const;
  std::shared_ptr<Notifier> notifier() const { return notifier_; }

 private:
  Napi::Value description(const Napi::CallbackInfo& info);
  Napi::Value stream(const Napi::CallbackInfo& info);
  /// allocate(bytes) and borrow(pointer, bytes) give a Memory.
  Napi::Value allocate(const Napi::CallbackInfo& info);
  Napi::Value borrow(const Napi::CallbackInfo& info);
  /// openShared(token, offset, bytes) as well, over memory of another process.
  Napi::Value open_shared(const Napi::CallbackInfo& info);
  /// run(call, shape, buffers): a step over typed arrays, done when it returns.
  void run(const Napi::CallbackInfo& info);
  /// match(sizes, buffers): matches boxes over typed arrays.
  void match(const Napi::CallbackInfo& info);
  /// flush(): a Pending that is done when all before it is, or undefined if there is nothing to wait for.
  Napi::Value flush(const Napi::CallbackInfo& info);
  /// add(a, b, c): c = a + b.
  void add(const Napi::CallbackInfo& info);
  /// mark(): a Mark behind what was enqueued so far.
  Napi::Value mark(const Napi::CallbackInfo& info);
  /// beginCapture() and endCapture(), which gives a Graph: what the owner of the stream would do.
  void begin_capture(const Napi::CallbackInfo& info);
  Napi::Value end_capture(const Napi::CallbackInfo& info);
  /// copy(target, source), fill(target), launchNothing() and cacheBytes(): the floors of a GPU.
  void copy(const Napi::CallbackInfo& info);
  void fill(const Napi::CallbackInfo& info);
  void launch_nothing(const Napi::CallbackInfo& info);
  Napi::Value cache_bytes(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  struct Cleanup;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Notifier> notifier_;
  std::unique_ptr<Cleanup> cleanup_;
};

}  // namespace roi
