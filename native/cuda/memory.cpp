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
  if (driver.pointer_attribute(&ordinal, kPointerDeviceOrdinal, pointer) != kSuccess ||
      driver.address_range(&base, &size, pointer) != kSuccess)
    throw std::invalid_argument("is no address in a GPU's memory");
  if (ordinal != gpu.ordinal())
    throw std::invalid_argument("is an address in the memory of GPU " + std::to_string(ordinal));
  if (pointer + bytes > base + size)
    throw std::invalid_argument("lies " + std::to_string(base + size - pointer) +
                                " bytes before the end of its allocation, and the tensor has " +
                                std::to_string(bytes));
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

Event::Event(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {
  const Current current(*gpu_);
  gpu_->driver().check(gpu_->driver().event_create(&event_, kEventBlockingSync | kEventDisableTiming),
                       "creating an event");
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

}  // namespace roi::cuda
