#include "memory.h"

#include <algorithm>

#include "environment.h"
#include "errors.h"
#include "pending.h"

namespace roi {
namespace {

constexpr napi_type_tag kMemoryTag = {0x6f2b6a1d3c9e4f07, 0x9b1e8d5a7c304e62};

/// Copied by the calling thread in less time than it takes to tell another.
constexpr size_t kSmall = size_t{1} << 16;

/// The bytes of a typed array that is exactly as long as the memory.
void* bytes_of(const Napi::CallbackInfo& info, const Memory& memory) {
  if (!info[0].IsTypedArray())
    throw_coded<Napi::TypeError>(info.Env(), "ERR_ROI_LOSS_TYPE", "expected a typed array");
  const auto array = info[0].As<Napi::TypedArray>();
  if (array.ByteLength() != memory.bytes())
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "the array's size is not the tensor's");
  return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

}  // namespace

Napi::Function MemoryHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Memory",
      {InstanceAccessor<&MemoryHandle::pointer>("pointer"), InstanceMethod<&MemoryHandle::write>("write"),
       InstanceMethod<&MemoryHandle::read>("read"), InstanceMethod<&MemoryHandle::read_later>("readLater"),
       InstanceMethod<&MemoryHandle::share>("share"), InstanceMethod<&MemoryHandle::dispose>("dispose")});
}

Napi::Object MemoryHandle::create(Napi::Env env, std::shared_ptr<Backend> backend,
                                  std::shared_ptr<Notifier> notifier, MemoryRef memory, bool owned) {
  const Napi::Object object = Environment::of(env).memory_class.New({});
  MemoryHandle* handle = Unwrap(object);
  handle->backend_ = std::move(backend);
  handle->notifier_ = std::move(notifier);
  handle->memory_ = std::move(memory);
  if (owned) handle->accounted_ = static_cast<int64_t>(handle->memory_->bytes());
  Napi::MemoryManagement::AdjustExternalMemory(env, handle->accounted_);
  return object;
}

MemoryRef MemoryHandle::from(Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  const auto object = value.As<Napi::Object>();
  if (!object.CheckTypeTag(&kMemoryTag)) return nullptr;
  return Unwrap(object)->memory(value.Env());
}

MemoryHandle::MemoryHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kMemoryTag);
}

void MemoryHandle::Finalize(Napi::BasicEnv env) { release(env); }

Napi::Value MemoryHandle::pointer(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(),
                           static_cast<uint64_t>(reinterpret_cast<uintptr_t>(memory(info.Env())->data())));
}

void MemoryHandle::write(const Napi::CallbackInfo& info) {
  const MemoryRef target = memory(info.Env());
  const void* source = bytes_of(info, *target);
  with_js_errors(info.Env(), "writing a tensor", [&] { backend_->write(*target, source, target->bytes()); });
}

void MemoryHandle::read(const Napi::CallbackInfo& info) {
  const MemoryRef source = memory(info.Env());
  void* target = bytes_of(info, *source);
  with_js_errors(info.Env(), "reading a tensor", [&] { backend_->read(*source, target, source->bytes()); });
}

Napi::Value MemoryHandle::read_later(const Napi::CallbackInfo& info) {
  const MemoryRef source = memory(info.Env());
  void* target = bytes_of(info, *source);
  return with_js_errors(info.Env(), "reading a tensor", [&]() -> Napi::Value {
    const auto step = std::make_shared<InFlight>();
    if (source->bytes() <= kSmall && !backend_->queues(step->problem)) {
      backend_->read(*source, target, source->bytes());
      return info.Env().Undefined();
    }
    step->source = source;
    step->target = target;
    return submit(info.Env(), backend_, notifier_, step);
  });
}

Napi::Value MemoryHandle::share(const Napi::CallbackInfo& info) {
  const MemoryRef shared = memory(info.Env());
  const IpcToken token = with_js_errors(info.Env(), "this tensor", [&] { return backend_->share(*shared); });
  auto bytes = Napi::Uint8Array::New(info.Env(), token.size());
  std::copy(token.begin(), token.end(), bytes.Data());
  return bytes;
}

void MemoryHandle::dispose(const Napi::CallbackInfo& info) { release(info.Env()); }

MemoryRef MemoryHandle::memory(Napi::Env env) const {
  if (!memory_) throw_coded<Napi::TypeError>(env, "ERR_ROI_LOSS_DISPOSED", "this tensor has been disposed");
  return memory_;
}

// A step in flight holds its own reference, so what it works on outlives this.
void MemoryHandle::release(Napi::BasicEnv env) {
  memory_.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env, -accounted_);
  accounted_ = 0;
}

}  // namespace roi
