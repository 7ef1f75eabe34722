#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../backend.h"

// The CUDA driver, found when it is first asked for: nothing here needs a CUDA toolkit to build or to run.
// Types and numbers are those of NVIDIA's documentation of the driver API.

namespace roi::cuda {

using Status = int;  ///< CUresult
using DevicePointer = uint64_t;
using DeviceNumber = int;
using Context = struct ContextTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using StreamHandle = struct StreamTag*;
using EventHandle = struct EventTag*;
using GraphHandle = struct GraphTag*;
using GraphExecHandle = struct GraphExecTag*;
/// Passed by value, as CUipcMemHandle is.
struct IpcHandle {
  IpcToken token;
};

constexpr Status kSuccess = 0, kOutOfMemory = 2, kStubLibrary = 34, kDeviceUnavailable = 46, kNoDevice = 100,
                 kNoBinaryForGpu = 209, kNotReady = 600, kCaptureImplicit = 906;

constexpr int kMultiprocessorCount = 16, kL2CacheSize = 38, kComputeCapabilityMajor = 75,
              kComputeCapabilityMinor = 76;
constexpr int kPointerContext = 1, kPointerMemoryType = 2, kPointerDeviceOrdinal = 9,
              kPointerIsLegacyIpcCapable = 10, kPointerRangeStart = 11, kPointerRangeSize = 12;
constexpr unsigned kMemoryTypeDevice = 2;
constexpr unsigned kHostAllocPortable = 1, kHostAllocMapped = 2;
constexpr unsigned kStreamNonBlocking = 1;
/// CU_STREAM_PER_THREAD: to each thread its own. CU_STREAM_LEGACY, which all share, is 1.
constexpr uint64_t kStreamPerThread = 2;
constexpr unsigned kEventBlockingSync = 1, kEventDisableTiming = 2;
constexpr unsigned kIpcLazyPeerAccess = 1;
constexpr int kCaptureStatusNone = 0;
constexpr int kCaptureGlobal = 0, kCaptureThreadLocal = 1, kCaptureRelaxed = 2;

// The one table of driver functions: member, exported name, parameters.
// clang-format off
#define ROI_DRIVER_FUNCTIONS(X) \
  X(init, "cuInit", (unsigned flags)) \
  X(driver_version, "cuDriverGetVersion", (int* version)) \
  X(error_name, "cuGetErrorName", (Status result, const char** name)) \
  X(error_string, "cuGetErrorString", (Status result, const char** text)) \
  X(device_count, "cuDeviceGetCount", (int* count)) \
  X(device_get, "cuDeviceGet", (DeviceNumber* device, int ordinal)) \
  X(device_name, "cuDeviceGetName", (char* name, int length, DeviceNumber device)) \
  X(device_attribute, "cuDeviceGetAttribute", (int* value, int attribute, DeviceNumber device)) \
  X(device_memory, "cuDeviceTotalMem_v2", (size_t* bytes, DeviceNumber device)) \
  X(primary_context_retain, "cuDevicePrimaryCtxRetain", (Context* context, DeviceNumber device)) \
  X(primary_context_release, "cuDevicePrimaryCtxRelease_v2", (DeviceNumber device)) \
  X(context_push, "cuCtxPushCurrent_v2", (Context context)) \
  X(context_pop, "cuCtxPopCurrent_v2", (Context* context)) \
  X(module_load, "cuModuleLoadData", (Module* module, const void* image)) \
  X(module_unload, "cuModuleUnload", (Module module)) \
  X(module_function, "cuModuleGetFunction", (Function* function, Module module, const char* name)) \
  X(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor", (int* blocks, Function function, int block_size, size_t shared_bytes)) \
  X(memory_allocate, "cuMemAlloc_v2", (DevicePointer* pointer, size_t bytes)) \
  X(memory_free, "cuMemFree_v2", (DevicePointer pointer)) \
  X(host_allocate, "cuMemHostAlloc", (void** pointer, size_t bytes, unsigned flags)) \
  X(host_free, "cuMemFreeHost", (void* pointer)) \
  X(host_device_pointer, "cuMemHostGetDevicePointer_v2", (DevicePointer* pointer, void* host, unsigned flags)) \
  X(address_range, "cuMemGetAddressRange_v2", (DevicePointer* base, size_t* bytes, DevicePointer pointer)) \
  X(pointer_attribute, "cuPointerGetAttribute", (void* value, int attribute, DevicePointer pointer)) \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", (DevicePointer target, const void* source, size_t bytes, StreamHandle stream)) \
  X(copy_to_host, "cuMemcpyDtoHAsync_v2", (void* target, DevicePointer source, size_t bytes, StreamHandle stream)) \
  X(set_bytes, "cuMemsetD8Async", (DevicePointer target, unsigned char value, size_t bytes, StreamHandle stream)) \
  X(stream_create, "cuStreamCreate", (StreamHandle* stream, unsigned flags)) \
  X(stream_destroy, "cuStreamDestroy_v2", (StreamHandle stream)) \
  X(stream_context, "cuStreamGetCtx", (StreamHandle stream, Context* context)) \
  X(stream_synchronize, "cuStreamSynchronize", (StreamHandle stream)) \
  X(event_create, "cuEventCreate", (EventHandle* event, unsigned flags)) \
  X(event_destroy, "cuEventDestroy_v2", (EventHandle event)) \
  X(event_record, "cuEventRecord", (EventHandle event, StreamHandle stream)) \
  X(event_synchronize, "cuEventSynchronize", (EventHandle event)) \
  X(launch, "cuLaunchKernel", (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamHandle stream, void** arguments, void** extra))

/// Of these a driver may lack any; what needs them says so.
#define ROI_DRIVER_OPTIONAL_FUNCTIONS(X) \
  X(copy_on_device, "cuMemcpyDtoDAsync_v2", (DevicePointer target, DevicePointer source, size_t bytes, StreamHandle stream)) \
  X(ipc_get_handle, "cuIpcGetMemHandle", (IpcHandle* handle, DevicePointer pointer)) \
  X(ipc_open_handle, "cuIpcOpenMemHandle_v2", (DevicePointer* pointer, IpcHandle handle, unsigned flags)) \
  X(ipc_close_handle, "cuIpcCloseMemHandle", (DevicePointer pointer)) \
  X(event_query, "cuEventQuery", (EventHandle event)) \
  X(event_elapsed, "cuEventElapsedTime", (float* milliseconds, EventHandle start, EventHandle end)) \
  X(host_function, "cuLaunchHostFunc", (StreamHandle stream, void (*function)(void* data), void* data)) \
  X(capture_mode, "cuThreadExchangeStreamCaptureMode", (int* mode)) \
  X(capture_status, "cuStreamIsCapturing", (StreamHandle stream, int* status)) \
  X(capture_begin, "cuStreamBeginCapture_v2", (StreamHandle stream, int mode)) \
  X(capture_end, "cuStreamEndCapture", (StreamHandle stream, GraphHandle* graph)) \
  X(graph_destroy, "cuGraphDestroy", (GraphHandle graph)) \
  X(graph_instantiate, "cuGraphInstantiateWithFlags", (GraphExecHandle* exec, GraphHandle graph, unsigned long long flags)) \
  X(graph_launch, "cuGraphLaunch", (GraphExecHandle exec, StreamHandle stream)) \
  X(graph_exec_destroy, "cuGraphExecDestroy", (GraphExecHandle exec))
// clang-format on

struct Driver {
#define ROI_MEMBER(member, name, parameters) Status(*member) parameters = nullptr;
  ROI_DRIVER_FUNCTIONS(ROI_MEMBER)
  ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_MEMBER)
#undef ROI_MEMBER

  /// The driver of this machine, initialised. Throws Unavailable with the reason.
  static const Driver& get();

  /// The version of CUDA that it supports, as 13000 for 13.0.
  int version = 0;

  /// An error as the driver names it, with its number: "CUDA_ERROR_OUT_OF_MEMORY (2)".
  std::string name_of(Status result) const;
  /// What the driver says of an error, behind a colon; empty where it says nothing.
  std::string text_of(Status result) const;
  /// Both, and what was being done, as in "copying to the device".
  std::string message(Status result, const char* doing) const;
  /// Throws Error with this message unless `result` is a success.
  void check(Status result, const char* doing) const;
};

/// A version of CUDA as people write it: 13.0 for 13000.
std::string version_text(int version);

/// Names CUDA_VISIBLE_DEVICES, which hides GPUs, for an error about a GPU that is not found; empty where it
/// is not set.
std::string visible_devices_note();

/// There is no usable CUDA here, and why.
struct Unavailable : DeviceError {
  using DeviceError::DeviceError;
};

/// An error of the driver, by its own name for it and its number.
struct Error : DeviceError {
  Error(Status result, const std::string& text) : DeviceError(text), result(result) {}
  Status result;
};

}  // namespace roi::cuda
