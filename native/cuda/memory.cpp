#include "memory.h"

#include <new>
#include <stdexcept>

namespace roi::cuda {
namespace {

/// Sizes that are rounded up alike share freed memory.
size_t rounded(size_t bytes) {
  constexpr size_t kSmall = 512, kLarge = size_t{2} << 20;
  if (bytes > kLarge / 2) return (bytes + kLarge - 1) / kLarge * kLarge;
  size_t size = kSmall;
  while (size < bytes) size *= 2;
  return size;
}

}  // namespace

Pool::~Pool() { trim(); }

DevicePointer Pool::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  const std::lock_guard lock(mutex_);
  if (auto& same = free_[size]; !same.empty()) {
    const DevicePointer pointer = same.back();
    same.pop_back();
    kept_ -= size;
    return pointer;
  }
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  DevicePointer pointer = 0;
  Status result = driver.memory_allocate(&pointer, size);
  if (result == kOutOfMemory && kept_ > 0) {
    trim();
    result = driver.memory_allocate(&pointer, size);
  }
  if (result == kOutOfMemory) throw std::bad_alloc();
  driver.check(result, "allocating device memory");
  return pointer;
}

void Pool::release(DevicePointer pointer, size_t bytes) {
  const size_t size = rounded(bytes);
  const std::lock_guard lock(mutex_);
  if (kept_ + size > kMaxKept) trim();
  free_[size].push_back(pointer);
  kept_ += size;
}

// Freeing waits for the work that is still reading the memory. What fails here has failed, and was reported,
// before.
void Pool::trim() {
  const Current current(*gpu_, std::nothrow);
  if (!current) return;
  for (auto& [size, pointers] : free_) {
    for (const DevicePointer pointer : pointers) gpu_->driver().memory_free(pointer);
    pointers.clear();
  }
  kept_ = 0;
}

PooledMemory::PooledMemory(std::shared_ptr<Pool> pool, size_t bytes)
    : Memory(nullptr, bytes), pool_(std::move(pool)) {
  data_ = reinterpret_cast<void*>(pool_->allocate(bytes));
}

PooledMemory::~PooledMemory() { pool_->release(pointer(), bytes_); }

BorrowedMemory::BorrowedMemory(const Gpu& gpu, DevicePointer pointer, size_t bytes)
    : Memory(reinterpret_cast<void*>(pointer), bytes) {
  if (bytes == 0) return;
  const Driver& driver = gpu.driver();
  const Current current(gpu);
  int ordinal = -1;
  DevicePointer base = 0;
  size_t size = 0;
  constexpr const char* kNoAddress = "is no address in a GPU's memory";
  if (driver.pointer_attribute(&ordinal, kPointerDeviceOrdinal, pointer) != kSuccess)
    throw std::invalid_argument(kNoAddress);
  if (ordinal != gpu.ordinal())
    throw std::invalid_argument("is an address in the memory of GPU " + std::to_string(ordinal));
  // Known in the context of that GPU alone.
  if (driver.address_range(&base, &size, pointer) != kSuccess) throw std::invalid_argument(kNoAddress);
  if (pointer + bytes > base + size)
    throw std::invalid_argument("lies " + std::to_string(base + size - pointer) +
                                " bytes before the end of its allocation, and the tensor has " +
                                std::to_string(bytes));
}

SharedMemory::SharedMemory(std::shared_ptr<Gpu> gpu, const IpcToken& token, size_t offset, size_t bytes)
    : Memory(nullptr, bytes), gpu_(std::move(gpu)) {
  const Driver& driver = gpu_->driver();
  if (!driver.ipc_open_handle) throw DeviceError("this driver has no cuIpcOpenMemHandle");
  const Current current(*gpu_);
  driver.check(driver.ipc_open_handle(&base_, {token}, kIpcLazyPeerAccess),
               "opening another process's memory");
  DevicePointer base = 0;
  size_t size = 0;
  if (driver.address_range(&base, &size, base_) == kSuccess && offset + bytes > size) {
    driver.ipc_close_handle(base_);
    throw std::invalid_argument("names " + std::to_string(size) + " bytes; expected " +
                                std::to_string(offset + bytes));
  }
  data_ = reinterpret_cast<void*>(base_ + offset);
}

SharedMemory::~SharedMemory() {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().ipc_close_handle(base_);
}

IpcToken share(const Gpu& gpu, DevicePointer pointer) {
  const Driver& driver = gpu.driver();
  if (!driver.ipc_get_handle) throw DeviceError("this driver has no cuIpcGetMemHandle");
  const Current current(gpu);
  DevicePointer base = 0;
  size_t size = 0;
  driver.check(driver.address_range(&base, &size, pointer), "looking for an allocation");
  if (base != pointer)
    throw std::invalid_argument("does not begin where its allocation does; share that instead");
  IpcHandle handle{};
  driver.check(driver.ipc_get_handle(&handle, pointer), "sharing memory");
  return handle.token;
}

MappedMemory::MappedMemory(std::shared_ptr<Gpu> gpu, size_t bytes) : gpu_(std::move(gpu)) {
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  const Status result = driver.host_allocate(&host_, bytes, kHostAllocPortable | kHostAllocMapped);
  if (result == kOutOfMemory) throw std::bad_alloc();
  driver.check(result, "allocating pinned memory");
  try {
    driver.check(driver.host_device_pointer(&device_, host_, 0), "mapping pinned memory");
  } catch (...) {
    driver.host_free(host_);
    throw;
  }
}

MappedMemory::~MappedMemory() {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().host_free(host_);
}

Event::Event(std::shared_ptr<Gpu> gpu, bool timed) : gpu_(std::move(gpu)) {
  const Current current(*gpu_);
  const unsigned flags = kEventBlockingSync | (timed ? 0 : kEventDisableTiming);
  gpu_->driver().check(gpu_->driver().event_create(&event_, flags), "creating an event");
}

Event::~Event() {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().event_destroy(event_);
}

void Event::record(StreamHandle stream) {
  gpu_->driver().check(gpu_->driver().event_record(event_, stream), "recording an event");
}

void Event::wait() {
  const Current current(*gpu_);
  gpu_->driver().check(gpu_->driver().event_synchronize(event_), "waiting for the GPU");
}

double Event::since(const Event& earlier) const {
  if (!gpu_->driver().event_elapsed) throw DeviceError("this driver has no cuEventElapsedTime");
  const Current current(*gpu_);
  float milliseconds = 0;
  gpu_->driver().check(gpu_->driver().event_elapsed(&milliseconds, earlier.event_, event_), "reading a time");
  return static_cast<double>(milliseconds);
}

}  // namespace roi::cuda
