#include <algorithm>
#include <cstring>
#include <vector>

#include "exports.h"
#include "log.h"
#include "state.h"

// Memory and copies.

namespace roi::standin {

namespace {

uint64_t address_of(const void* host) { return reinterpret_cast<uint64_t>(host); }

/// Frees, and looks at the guards once more.
template <class Free>
Status free_checked(PrimaryContext& context, Free free) {
  if (const std::string damage = context.memory.damage(); !damage.empty()) {
    report(damage);
    context.fail(kIllegalAddress);
  }
  return free();
}

/// Whether pinned memory that a copy uses is there when its turn comes.
Status check_pinned(const PrimaryContext& context, const void* host, size_t bytes) {
  if (context.memory.find(address_of(host), bytes)) return kSuccess;
  report("copy from or to pinned memory that was freed before its turn came");
  return kIllegalAddress;
}

}  // namespace

Status memory_allocate(DevicePointer* pointer, size_t bytes) {
  return in_context(Call::memory_allocate,
                    [&](const ContextPointer& context) { return context->memory.allocate(bytes, pointer); });
}

Status memory_free(DevicePointer pointer) {
  return in_any_context(Call::memory_free, [&](const ContextPointer& context) -> Status {
    if (pointer == 0) return kSuccess;
    drain(*context);  // as the driver does
    return free_checked(*context, [&] { return context->memory.free(pointer); });
  });
}

Status host_allocate(void** pointer, size_t bytes, unsigned flags) {
  return in_context(Call::host_allocate, [&](const ContextPointer& context) -> Status {
    if (flags > 7) return kInvalidValue;
    return context->memory.allocate_host(bytes, pointer);
  });
}

Status host_free(void* pointer) {
  return in_any_context(Call::host_free, [&](const ContextPointer& context) -> Status {
    // Nobody promises that it waits for work.
    return free_checked(*context, [&] { return context->memory.free_host(pointer); });
  });
}

Status host_device_pointer(DevicePointer* pointer, void* host, unsigned flags) {
  return in_context(Call::host_device_pointer, [&](const ContextPointer& context) -> Status {
    const auto allocation = context->memory.find(address_of(host));
    if (flags != 0 || !allocation || allocation->written) return kInvalidValue;
    *pointer = address_of(host);
    return kSuccess;
  });
}

Status address_range(DevicePointer* base, size_t* bytes, DevicePointer pointer) {
  return in_context(Call::address_range, [&](const ContextPointer& context) -> Status {
    const auto allocation = context->memory.find(pointer);
    if (!allocation) return kNotFound;
    const size_t piece = allocation->piece ? allocation->piece : allocation->bytes;
    const size_t offset = (pointer - allocation->base) / piece * piece;
    if (base) *base = allocation->base + offset;
    if (bytes) *bytes = std::min(piece, allocation->bytes - offset);
    return kSuccess;
  });
}

Status pointer_attribute(void* value, int attribute, DevicePointer pointer) {
  if (const Status result = enter(Call::pointer_attribute)) return result;
  DriverState& state = driver_state();
  const std::lock_guard lock(state.mutex);
  for (const auto& [device, primary] : state.primaries) {
    const auto allocation = primary ? primary->memory.find(pointer) : std::nullopt;
    if (!allocation) continue;
    constexpr unsigned kMemoryTypeHost = 1;
    const unsigned type = allocation->written ? kMemoryTypeDevice : kMemoryTypeHost;
    const auto context = reinterpret_cast<cuda::Context>(primary.get());
    const int has_ipc = !allocation->piece && !allocation->imported;
    const size_t range = allocation->piece ? allocation->reserved : allocation->bytes;
    switch (attribute) {
      case kPointerContext:
        std::memcpy(value, &context, sizeof context);
        return kSuccess;
      case kPointerMemoryType:
        std::memcpy(value, &type, sizeof type);
        return kSuccess;
      case kPointerDeviceOrdinal:
        std::memcpy(value, &device, sizeof device);
        return kSuccess;
      case kPointerIsLegacyIpcCapable:
        std::memcpy(value, &has_ipc, sizeof has_ipc);
        return kSuccess;
      case kPointerRangeStart:
        std::memcpy(value, &allocation->base, sizeof allocation->base);
        return kSuccess;
      case kPointerRangeSize:
        std::memcpy(value, &range, sizeof range);
        return kSuccess;
      default:
        return kInvalidValue;
    }
  }
  return kInvalidValue;
}

Status copy_to_device(DevicePointer target, const void* source, size_t bytes, StreamHandle stream_handle) {
  return in_context(Call::copy_to_device, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, stream_handle);
    if (!stream) return kInvalidHandle;
    if (bytes == 0) return kSuccess;
    const auto allocation = context->memory.find(target, bytes);
    if (!allocation) return kInvalidValue;
    // The source may be written again as soon as the call returns, unless it is pinned.
    std::vector<std::byte> staged;
    const bool is_pinned = context->memory.find(address_of(source), bytes).has_value();
    if (!is_pinned) {
      const auto* const begin = static_cast<const std::byte*>(source);
      staged.assign(begin, begin + bytes);
    }
    stream->enqueue([=, allocation = *allocation, staged = std::move(staged)]() -> Status {
      if (is_pinned)
        if (const Status gone = check_pinned(*context, source, bytes)) return gone;
      std::memcpy(allocation.at(target), staged.empty() ? source : staged.data(), bytes);
      allocation.mark_written(target, bytes);
      return kSuccess;
    });
    return kSuccess;
  });
}

Status copy_to_host(void* target, DevicePointer source, size_t bytes, StreamHandle stream_handle) {
  return in_context(Call::copy_to_host, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, stream_handle);
    if (!stream) return kInvalidHandle;
    if (bytes == 0) return kSuccess;
    const auto allocation = context->memory.find(source, bytes);
    if (!allocation) return kInvalidValue;
    // Only into pinned memory does the driver copy while the caller goes on.
    const bool is_pinned = context->memory.find(address_of(target), bytes).has_value();
    stream->enqueue([=, allocation = *allocation]() -> Status {
      if (is_pinned)
        if (const Status gone = check_pinned(*context, target, bytes)) return gone;
      std::memcpy(target, allocation.at(source), bytes);
      return kSuccess;
    });
    return is_pinned ? kSuccess : wait_for(*stream);
  });
}

Status copy_on_device(DevicePointer target, DevicePointer source, size_t bytes, StreamHandle stream_handle) {
  return in_context(Call::copy_on_device, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, stream_handle);
    if (!stream) return kInvalidHandle;
    if (bytes == 0) return kSuccess;
    const auto to = context->memory.find(target, bytes), from = context->memory.find(source, bytes);
    if (!to || !from) return kInvalidValue;
    stream->enqueue([=, to = *to, from = *from]() -> Status {
      std::memcpy(to.at(target), from.at(source), bytes);
      to.mark_written(target, bytes);
      return kSuccess;
    });
    return kSuccess;
  });
}

Status set_bytes(DevicePointer target, unsigned char value, size_t bytes, StreamHandle stream_handle) {
  return in_context(Call::set_bytes, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, stream_handle);
    if (!stream) return kInvalidHandle;
    if (bytes == 0) return kSuccess;
    const auto allocation = context->memory.find(target, bytes);
    if (!allocation) return kInvalidValue;
    stream->enqueue([=, allocation = *allocation]() -> Status {
      std::memset(allocation.at(target), value, bytes);
      allocation.mark_written(target, bytes);
      return kSuccess;
    });
    return kSuccess;
  });
}

Status ipc_get_handle(IpcHandle* handle, DevicePointer pointer) {
  return in_context(Call::ipc_get_handle,
                    [&](const ContextPointer& context) { return context->memory.share(pointer, handle); });
}

Status ipc_open_handle(DevicePointer* pointer, IpcHandle handle, unsigned flags) {
  return in_context(Call::ipc_open_handle, [&](const ContextPointer& context) -> Status {
    return flags == kIpcLazyPeerAccess ? context->memory.open_shared(handle, pointer) : kInvalidValue;
  });
}

Status ipc_close_handle(DevicePointer pointer) {
  return in_any_context(Call::ipc_close_handle, [&](const ContextPointer& context) -> Status {
    drain(*context);
    return free_checked(*context, [&] { return context->memory.close_shared(pointer); });
  });
}

}  // namespace roi::standin
