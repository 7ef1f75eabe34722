#include "device.h"

#include <stdexcept>

#include "../cpu/cpu_backend.h"
#include "arguments.h"
#include "errors.h"
#include "memory.h"
#include "pending.h"

namespace roi {
namespace {

constexpr napi_type_tag kDeviceTag = {0x2d94c1b7e8534fa6, 0x81f06b2a5d7ce913};

size_t byte_count(Napi::Value value) {
  const double bytes = value.As<Napi::Number>().DoubleValue();
  if (!(bytes >= 0 && bytes <= 0x1p48))
    throw_coded<Napi::RangeError>(value.Env(), "ERR_ROI_LOSS_SHAPE", "no such size in bytes");
  return static_cast<size_t>(bytes);
}

}  // namespace

/// The environment may end while steps are under way. This hook is added after the notifier's own and so runs
/// before it: no thread of the backend can call into an environment that is gone.
struct DeviceHandle::Cleanup {
  Cleanup(Napi::Env env, std::shared_ptr<Backend> backend) : env(env), backend(std::move(backend)) {
    napi_add_env_cleanup_hook(env, &Cleanup::run, this);
  }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  ~Cleanup() {
    napi_remove_env_cleanup_hook(env, &Cleanup::run, this);
    backend->close();
  }
  static void run(void* self) { static_cast<Cleanup*>(self)->backend->close(); }

  napi_env env;
  std::shared_ptr<Backend> backend;
};

Napi::Function DeviceHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {InstanceMethod<&DeviceHandle::description>("description"),
       InstanceMethod<&DeviceHandle::allocate>("allocate"), InstanceMethod<&DeviceHandle::borrow>("borrow"),
       InstanceMethod<&DeviceHandle::run>("run"), InstanceMethod<&DeviceHandle::flush>("flush"),
       InstanceMethod<&DeviceHandle::add>("add"), InstanceMethod<&DeviceHandle::dispose>("dispose")});
}

DeviceHandle* DeviceHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kDeviceTag))
    throw_coded<Napi::TypeError>(value.Env(), "ERR_ROI_LOSS_TYPE", "expected a device");
  return Unwrap(value.As<Napi::Object>());
}

DeviceHandle::DeviceHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const int threads = info[0].As<Napi::Number>().Int32Value();
  if (threads < 1)
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_OPTION", "threads must be at least 1");
  const std::string simd = info[1].IsString() ? info[1].As<Napi::String>().Utf8Value() : std::string();
  try {
    backend_ = make_cpu_backend(threads, simd.empty() ? nullptr : simd.c_str());
  } catch (const std::invalid_argument& error) {
    throw_coded<Napi::Error>(info.Env(), "ERR_ROI_LOSS_DEVICE", error.what());
  }
  notifier_ = std::make_shared<Notifier>(info.Env());
  cleanup_ = std::make_unique<Cleanup>(info.Env(), backend_);
  info.This().As<Napi::Object>().TypeTag(&kDeviceTag);
}

DeviceHandle::~DeviceHandle() = default;

std::shared_ptr<Backend> DeviceHandle::backend(Napi::Env env) const {
  if (!backend_) throw_coded<Napi::TypeError>(env, "ERR_ROI_LOSS_DISPOSED", "this device has been disposed");
  return backend_;
}

Napi::Value DeviceHandle::description(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), backend(info.Env())->description());
}

Napi::Value DeviceHandle::allocate(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const size_t bytes = byte_count(info[0]);
  try {
    return MemoryHandle::create(info.Env(), device, device->allocate(bytes), true);
  } catch (const std::bad_alloc&) {
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_MEMORY",
                                  "out of memory: could not allocate " + std::to_string(bytes) + " bytes");
  }
}

Napi::Value DeviceHandle::borrow(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  bool lossless = false;
  const uint64_t pointer = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
  const size_t bytes = byte_count(info[1]);
  if (!lossless || pointer > UINT64_MAX - bytes)
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "pointer is no address");
  return MemoryHandle::create(info.Env(), device, device->borrow(pointer, bytes), false);
}

void DeviceHandle::run(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  double* call = call_numbers(info[0]);
  Problem problem = parse_shape(info[1].As<Napi::Object>());
  std::vector<MemoryRef> keep;
  bind_buffers(problem, info[2].As<Napi::Object>(), &keep);
  read_options(problem, call);
  check_step(info.Env(), *device, problem);
  Result result;
  try {
    device->run(problem, result);
  } catch (const std::bad_alloc&) {
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_MEMORY", "out of memory");
  }
  write_result(call, result);
}

Napi::Value DeviceHandle::flush(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const auto nothing = std::make_shared<InFlight>();
  if (!device->queues(nothing->problem)) return info.Env().Undefined();
  return submit(info.Env(), *device, notifier_, nothing);
}

void DeviceHandle::add(const Napi::CallbackInfo& info) {
  const auto a = info[0].As<Napi::Float32Array>(), b = info[1].As<Napi::Float32Array>();
  auto c = info[2].As<Napi::Float32Array>();
  if (a.ElementLength() != c.ElementLength() || b.ElementLength() != c.ElementLength())
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "a, b and c differ in length");
  backend(info.Env())->add(a.Data(), b.Data(), c.Data(), static_cast<int64_t>(c.ElementLength()));
}

void DeviceHandle::dispose(const Napi::CallbackInfo&) {
  cleanup_.reset();
  backend_.reset();
}

}  // namespace roi
