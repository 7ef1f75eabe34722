#include "device.h"

#include <algorithm>
#include <limits>

#include "../cpu/cpu_backend.h"
#include "../cuda/cuda_backend.h"
#include "../labels.h"
#include "arguments.h"
#include "errors.h"
#include "gpus.h"
#include "memory.h"
#include "pending.h"
#include "stream_handles.h"

namespace roi {
namespace {

constexpr napi_type_tag kDeviceTag = {0x2d94c1b7e8534fa6, 0x81f06b2a5d7ce913};

size_t byte_count(Napi::Value value) {
  const double bytes = value.As<Napi::Number>().DoubleValue();
  if (!(bytes >= 0 && bytes <= 0x1p48))
    throw_coded<Napi::RangeError>(value.Env(), "ERR_ROI_LOSS_SHAPE", "no such size in bytes");
  return static_cast<size_t>(bytes);
}

MemoryRef memory_of(Napi::Value value) {
  MemoryRef memory = MemoryHandle::from(value);
  if (!memory) throw_coded<Napi::TypeError>(value.Env(), "ERR_ROI_LOSS_TYPE", "expected memory of a device");
  return memory;
}

}  // namespace

/// The environment may end while steps are under way. This hook is added after the notifier's own and so runs
/// before it: no thread of the backend can call into an environment that is gone. The notifier then goes with
/// the environment; else it is closed behind the last step.
struct DeviceHandle::Cleanup {
  Cleanup(Napi::Env env, std::shared_ptr<Backend> backend, std::shared_ptr<Notifier> notifier)
      : env(env), backend(std::move(backend)), notifier(std::move(notifier)) {
    napi_add_env_cleanup_hook(env, &Cleanup::run, this);
  }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  ~Cleanup() {
    if (env_ended) return;
    napi_remove_env_cleanup_hook(env, &Cleanup::run, this);
    backend->close();
    notifier->close();
  }
  static void run(void* data) {
    auto* self = static_cast<Cleanup*>(data);
    self->backend->close();
    self->env_ended = true;
  }

  napi_env env;
  std::shared_ptr<Backend> backend;
  std::shared_ptr<Notifier> notifier;
  bool env_ended = false;
};

Napi::Function DeviceHandle::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {InstanceMethod<&DeviceHandle::description>("description"),
       InstanceMethod<&DeviceHandle::stream>("stream"), InstanceMethod<&DeviceHandle::allocate>("allocate"),
       InstanceMethod<&DeviceHandle::borrow>("borrow"),
       InstanceMethod<&DeviceHandle::open_shared>("openShared"), InstanceMethod<&DeviceHandle::run>("run"),
       InstanceMethod<&DeviceHandle::match>("match"), InstanceMethod<&DeviceHandle::flush>("flush"),
       InstanceMethod<&DeviceHandle::add>("add"), InstanceMethod<&DeviceHandle::mark>("mark"),
       InstanceMethod<&DeviceHandle::begin_capture>("beginCapture"),
       InstanceMethod<&DeviceHandle::end_capture>("endCapture"), InstanceMethod<&DeviceHandle::copy>("copy"),
       InstanceMethod<&DeviceHandle::fill>("fill"),
       InstanceMethod<&DeviceHandle::launch_nothing>("launchNothing"),
       InstanceMethod<&DeviceHandle::cache_bytes>("cacheBytes"),
       InstanceMethod<&DeviceHandle::dispose>("dispose")});
}

DeviceHandle* DeviceHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kDeviceTag))
    throw_coded<Napi::TypeError>(value.Env(), "ERR_ROI_LOSS_TYPE", "expected a device");
  return Unwrap(value.As<Napi::Object>());
}

DeviceHandle::DeviceHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const std::string kind = info[0].ToString();
  backend_ = with_js_errors(info.Env(), "stream", [&] {
    if (kind == "cuda") {
      bool lossless = true;
      const uint64_t stream = info[2].IsBigInt() ? info[2].As<Napi::BigInt>().Uint64Value(&lossless) : 0;
      // Not Int32Value, which takes 2^32 for 0.
      const double ordinal = info[1].As<Napi::Number>().DoubleValue();
      constexpr int kMost = std::numeric_limits<int>::max();
      return make_cuda_backend(ordinal >= 0 && ordinal < kMost ? static_cast<int>(ordinal) : kMost, stream,
                               unpack_by(info[3]));
    }
    const int threads = info[1].As<Napi::Number>().Int32Value();
    if (threads < 1)
      throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_OPTION", "threads must be at least 1");
    const std::string simd = info[2].IsString() ? info[2].As<Napi::String>().Utf8Value() : std::string();
    return make_cpu_backend(threads, simd.empty() ? nullptr : simd.c_str());
  });
  notifier_ = std::make_shared<Notifier>(info.Env());
  cleanup_ = std::make_unique<Cleanup>(info.Env(), backend_, notifier_);
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

Napi::Value DeviceHandle::stream(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), backend(info.Env())->stream());
}

Napi::Value DeviceHandle::allocate(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const size_t bytes = byte_count(info[0]);
  const MemoryRef memory =
      with_js_errors(info.Env(), "could not allocate " + std::to_string(bytes) + " bytes",
                     [&] { return device->allocate(bytes); });
  return MemoryHandle::create(info.Env(), device, notifier_, memory, true);
}

Napi::Value DeviceHandle::borrow(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  bool lossless = false;
  const uint64_t pointer = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
  const size_t bytes = byte_count(info[1]);
  if (!lossless || pointer > UINT64_MAX - bytes)
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "pointer is no address");
  const MemoryRef memory =
      with_js_errors(info.Env(), "pointer", [&] { return device->borrow(pointer, bytes); });
  return MemoryHandle::create(info.Env(), device, notifier_, memory, false);
}

Napi::Value DeviceHandle::open_shared(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const auto given = info[0].As<Napi::Uint8Array>();
  const size_t offset = byte_count(info[1]), bytes = byte_count(info[2]);
  IpcToken token;
  if (given.ByteLength() != token.size())
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "handle has the wrong length");
  std::copy_n(given.Data(), token.size(), token.begin());
  const MemoryRef memory =
      with_js_errors(info.Env(), "handle", [&] { return device->open_shared(token, offset, bytes); });
  return MemoryHandle::create(info.Env(), device, notifier_, memory, false);
}

void DeviceHandle::run(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  double* call = call_numbers(info[0]);
  Problem problem = parse_shape(info[1].As<Napi::Object>());
  check_sources(info.Env(), problem, *device);
  std::vector<MemoryRef> keep;
  bind_buffers(problem, info[2].As<Napi::Object>(), &keep);
  read_options(problem, call);
  check_gradients(info.Env(), problem);
  check_input(info.Env(), find_bad_input(problem));
  Result result;
  with_js_errors(info.Env(), "running a step", [&] { device->run(problem, result); });
  check_input(info.Env(), result.bad_input);
  write_result(call, result);
}

Napi::Value DeviceHandle::flush(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const auto nothing = std::make_shared<InFlight>();
  if (!device->queues(nothing->problem)) return info.Env().Undefined();
  return with_js_errors(info.Env(), "waiting for the device",
                        [&]() -> Napi::Value { return submit(info.Env(), device, notifier_, nothing); });
}

void DeviceHandle::add(const Napi::CallbackInfo& info) {
  const auto a = info[0].As<Napi::Float32Array>(), b = info[1].As<Napi::Float32Array>();
  auto c = info[2].As<Napi::Float32Array>();
  if (a.ElementLength() != c.ElementLength() || b.ElementLength() != c.ElementLength())
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "a, b and c differ in length");
  const auto device = backend(info.Env());
  with_js_errors(info.Env(), "adding",
                 [&] { device->add(a.Data(), b.Data(), c.Data(), static_cast<int64_t>(c.ElementLength())); });
}

Napi::Value DeviceHandle::mark(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  return MarkHandle::create(info.Env(),
                            with_js_errors(info.Env(), "marking", [&] { return device->mark(); }));
}

void DeviceHandle::begin_capture(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  with_js_errors(info.Env(), "capturing", [&] { device->begin_capture(); });
}

Napi::Value DeviceHandle::end_capture(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  return GraphHandle::create(info.Env(), device,
                             with_js_errors(info.Env(), "capturing", [&] { return device->end_capture(); }));
}

void DeviceHandle::copy(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const MemoryRef target = memory_of(info[0]), source = memory_of(info[1]);
  with_js_errors(info.Env(), "copying", [&] { device->copy(*target, *source); });
}

void DeviceHandle::fill(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const MemoryRef target = memory_of(info[0]);
  with_js_errors(info.Env(), "filling", [&] { device->fill(*target); });
}

void DeviceHandle::launch_nothing(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  with_js_errors(info.Env(), "launching", [&] { device->launch_nothing(); });
}

Napi::Value DeviceHandle::cache_bytes(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  const size_t bytes =
      with_js_errors(info.Env(), "asking for the cache", [&] { return device->cache_bytes(); });
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

void DeviceHandle::dispose(const Napi::CallbackInfo&) {
  cleanup_.reset();
  backend_.reset();
}

}  // namespace roi
