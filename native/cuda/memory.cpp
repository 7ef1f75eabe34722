#include "memory.h"

#include <algorithm>
#include <new>
#include <set>
#include <stdexcept>

#include "../spin.h"

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

/// Where the memory ends that is mapped from `pointer` on without a gap, or `end` if that comes first;
/// `pointer` itself if the driver does not know it. The GPU's context is current.
DevicePointer end_of_mapped(const Driver& driver, DevicePointer pointer, DevicePointer end) {
  // A VMM allocator (PyTorch's expandable_segments) maps memory piece by piece into a range of addresses that
  // it has reserved, and the driver tells of the piece alone. Of other memory the range is its allocation, so
  // that the walk does not go on into the next one.
  DevicePointer start = 0, base = 0, at = pointer;
  size_t size = 0;
  const bool has_range = driver.pointer_attribute(&start, kPointerRangeStart, pointer) == kSuccess &&
                         driver.pointer_attribute(&size, kPointerRangeSize, pointer) == kSuccess;
  if (has_range) end = std::min(end, start + size);
  while (at < end && driver.address_range(&base, &size, at) == kSuccess && base + size > at) at = base + size;
  return std::min(at, end);
}

/// All pools of the process, so that one that is out of memory gets what the others keep. Locked before a
/// pool.
struct Pools {
  std::mutex mutex;
  std::set<Pool*> all;
};
Pools& pools() {
  // Never destroyed: threads may still let go of memory as the process ends.
  static Pools& pools = *new Pools;
  return pools;
}

}  // namespace

Pool::Pool(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {
  const std::lock_guard lock(pools().mutex);
  pools().all.insert(this);
}

Pool::~Pool() {
  {
    const std::lock_guard lock(pools().mutex);
    pools().all.erase(this);
  }
  trim();
}

DevicePointer Pool::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  DevicePointer pointer = take_kept(size);
  if (pointer) return pointer;
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  Status result = driver.memory_allocate(&pointer, size);
  if (result == kOutOfMemory && trim_all_of(*gpu_)) result = driver.memory_allocate(&pointer, size);
  if (result == kOutOfMemory) throw std::bad_alloc();
  driver.check(result, "allocating device memory");
  return pointer;
}

/// 0 if there is none of this size.
DevicePointer Pool::take_kept(size_t size) {
  const std::lock_guard lock(mutex_);
  const auto same = free_.find(size);
  if (same == free_.end() || same->second.empty()) return 0;
  const DevicePointer pointer = same->second.back();
  same->second.pop_back();
  kept_ -= size;
  return pointer;
}

void Pool::release(DevicePointer pointer, size_t bytes) {
  const size_t size = rounded(bytes);
  const std::lock_guard lock(mutex_);
  if (size > max_kept_) return free(pointer);
  if (kept_ + size > max_kept_) trim();
  free_[size].push_back(pointer);
  kept_ += size;
}

void Pool::close() {
  const std::lock_guard lock(mutex_);
  max_kept_ = 0;
  trim();
}

void Pool::trim() {
  const Current current(*gpu_, std::nothrow);
  if (!current) return;
  for (auto& [size, pointers] : free_) {
    for (const DevicePointer pointer : pointers) free(pointer);
    pointers.clear();
  }
  kept_ = 0;
}

bool Pool::trim_all_of(const Gpu& gpu) {
  bool had_kept = false;
  const std::lock_guard lock(pools().mutex);
  for (Pool* const pool : pools().all) {
    if (pool->gpu_.get() != &gpu) continue;
    const std::lock_guard own(pool->mutex_);
    had_kept |= pool->kept_ > 0;
    pool->trim();
  }
  return had_kept;
}

// Freeing waits for the work that is still reading the memory. What fails here has failed, and was reported,
// before.
void Pool::free(DevicePointer pointer) const {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().memory_free(pointer);
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
  constexpr const char* kNoAddress = "is no address in a GPU's memory";
  int ordinal = -1;
  if (driver.pointer_attribute(&ordinal, kPointerDeviceOrdinal, pointer) != kSuccess)
    throw std::invalid_argument(kNoAddress);
  if (ordinal != gpu.ordinal())
    throw std::invalid_argument("is an address in the memory of GPU " + std::to_string(ordinal));
  const DevicePointer end = end_of_mapped(driver, pointer, pointer + bytes);
  if (end == pointer) throw std::invalid_argument(kNoAddress);
  if (end < pointer + bytes)
    throw std::invalid_argument("lies " + std::to_string(end - pointer) +
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
  const DevicePointer end = end_of_mapped(driver, base_, base_ + offset + bytes);
  if (end < base_ + offset + bytes) {
    driver.ipc_close_handle(base_);
    throw std::invalid_argument("names " + std::to_string(end - base_) + " bytes; expected " +
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
  int can_be_shared = 1;
  driver.pointer_attribute(&can_be_shared, kPointerIsLegacyIpcCapable, pointer);
  if (!can_be_shared)
    throw std::invalid_argument(
        "lies in memory that has no such handle, as that of a VMM allocator (expandable_segments) and of "
        "pools");
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

void Event::wait(bool spins) {
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  Status result = kNotReady;
  if (spins && driver.event_query)
    spin_until([&] { return (result = driver.event_query(event_)) != kNotReady; });
  if (result != kSuccess) result = driver.event_synchronize(event_);
  driver.check(result, "waiting for the GPU");
}

void Event::settle() const {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().event_synchronize(event_);
}

double Event::since(const Event& earlier) const {
  if (!gpu_->driver().event_elapsed) throw DeviceError("this driver has no cuEventElapsedTime");
  const Current current(*gpu_);
  float milliseconds = 0;
  gpu_->driver().check(gpu_->driver().event_elapsed(&milliseconds, earlier.event_, event_), "reading a time");
  return static_cast<double>(milliseconds);
}

}  // namespace roi::cuda
