#include <algorithm>
#include <cstdio>
#include <cstring>

#include "exports.h"
#include "log.h"
#include "state.h"

// Errors, devices and contexts.

namespace roi::standin {

namespace {

struct ResultText {
  Status result;
  const char *name, *text;
};
constexpr ResultText kResults[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kStubLibrary, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {kDeviceUnavailable, "CUDA_ERROR_DEVICE_UNAVAILABLE",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kMapFailed, "CUDA_ERROR_MAP_FAILED", "mapping of buffer object failed"},
    {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {kContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
};

const ResultText* text_of(Status result) {
  const auto found = std::find_if(std::begin(kResults), std::end(kResults),
                                  [&](const auto& r) { return r.result == result; });
  return found == std::end(kResults) ? nullptr : found;
}

std::vector<ContextPointer>& context_stack() {
  thread_local std::vector<ContextPointer> stack;
  return stack;
}

cuda::Context handle_of(const ContextPointer& context) {
  return reinterpret_cast<cuda::Context>(context.get());
}

bool is_device(int device) { return device >= 0 && device < settings().devices; }

/// Enters a call that needs no context.
Status enter_initialized(Call call) {
  if (const Status result = enter(call)) return result;
  return driver_state().initialized ? kSuccess : kNotInitialized;
}

}  // namespace

DriverState& driver_state() {
  // Never destroyed: streams may still run when the process exits.
  static DriverState& state = *new DriverState;
  return state;
}

ContextPointer current_context() { return context_stack().empty() ? nullptr : context_stack().back(); }

Status init(unsigned flags) {
  if (const Status result = enter(Call::init)) return result;
  if (flags != 0) return kInvalidValue;
  if (settings().devices == 0) return kNoDevice;
  driver_state().initialized = true;
  return kSuccess;
}

Status driver_version(int* version) {
  *version = settings().driver_version;
  return enter(Call::driver_version);
}

Status error_name(Status result, const char** name) {
  const ResultText* const found = text_of(result);
  *name = found ? found->name : nullptr;
  return found ? enter(Call::error_name) : kInvalidValue;
}

Status error_string(Status result, const char** text) {
  const ResultText* const found = text_of(result);
  *text = found ? found->text : nullptr;
  return found ? enter(Call::error_string) : kInvalidValue;
}

Status device_count(int* count) {
  *count = settings().devices;
  return enter_initialized(Call::device_count);
}

Status device_get(DeviceNumber* device, int ordinal) {
  if (const Status result = enter_initialized(Call::device_get)) return result;
  if (!is_device(ordinal)) return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}

Status device_name(char* name, int length, DeviceNumber device) {
  if (const Status result = enter_initialized(Call::device_name)) return result;
  if (!is_device(device)) return kInvalidDevice;
  std::snprintf(name, static_cast<size_t>(length), "cuda (stand-in)");
  return kSuccess;
}

Status device_attribute(int* value, int attribute, DeviceNumber device) {
  if (const Status result = enter_initialized(Call::device_attribute)) return result;
  if (!is_device(device)) return kInvalidDevice;
  if (attribute == kMultiprocessorCount) {
    *value = 4;
  } else if (attribute == kL2CacheSize) {
    *value = 4096;
  } else if (attribute == kComputeCapabilityMajor) {
    *value = settings().compute_capability(device) / 10;
  } else if (attribute == kComputeCapabilityMinor) {
    *value = settings().compute_capability(device) % 10;
  } else {
    return kInvalidValue;
  }
  return kSuccess;
}

Status device_memory(size_t* bytes, DeviceNumber device) {
  if (const Status result = enter_initialized(Call::device_memory)) return result;
  if (!is_device(device)) return kInvalidDevice;
  *bytes = settings().memory_bytes;
  return kSuccess;
}

Status primary_context_retain(cuda::Context* context, DeviceNumber device) {
  if (const Status result = enter_initialized(Call::primary_context_retain)) return result;
  if (!is_device(device)) return kInvalidDevice;
  DriverState& state = driver_state();
  const std::lock_guard lock(state.mutex);
  ContextPointer& primary = state.primaries[device];
  if (!primary) primary = std::make_shared<PrimaryContext>(device);
  primary->retained++;
  *context = handle_of(primary);
  return kSuccess;
}

Status primary_context_release(DeviceNumber device) {
  if (const Status result = enter_initialized(Call::primary_context_release)) return result;
  DriverState& state = driver_state();
  ContextPointer last;
  {
    const std::lock_guard lock(state.mutex);
    ContextPointer& primary = state.primaries[device];
    if (!primary) return kInvalidContext;
    if (--primary->retained == 0) last = std::move(primary);
  }
  if (!last) return kSuccess;
  drain(*last);
  last->destroyed = true;
  if (const std::string damage = last->memory.damage(); !damage.empty()) report(damage);
  state.modules.remove_all_of(last);
  state.events.remove_all_of(last);
  state.graphs.remove_all_of(last);
  state.graph_execs.remove_all_of(last);
  state.streams.remove_all_of(last);
  close_streams(*last);
  return kSuccess;
}

Status context_push(cuda::Context context) {
  if (const Status result = enter_initialized(Call::context_push)) return result;
  DriverState& state = driver_state();
  const std::lock_guard lock(state.mutex);
  for (const auto& [device, primary] : state.primaries) {
    if (!primary || handle_of(primary) != context) continue;
    context_stack().push_back(primary);
    return kSuccess;
  }
  return kInvalidContext;
}

Status context_pop(cuda::Context* context) {
  if (const Status result = enter_initialized(Call::context_pop)) return result;
  auto& stack = context_stack();
  if (stack.empty()) return kInvalidContext;
  if (context) *context = handle_of(stack.back());
  stack.pop_back();
  return kSuccess;
}

}  // namespace roi::standin
