#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "gpu.h"

namespace roi::cuda {

/// Device memory that was freed and is kept for the next request, so that a training loop allocates nothing.
/// For the use of one stream, whose order makes it safe to hand on memory that work is still reading.
class Pool {
 public:
  explicit Pool(std::shared_ptr<Gpu> gpu);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Throws std::bad_alloc.
  DevicePointer allocate(size_t bytes);
  void release(DevicePointer pointer, size_t bytes);
  /// Nothing is kept from here on.
  void close();
  const Gpu& gpu() const { return *gpu_; }

 private:
  static constexpr size_t kMaxKept = size_t{256} << 20;

  DevicePointer take_kept(size_t size);
  void trim();
  void free(DevicePointer pointer) const;
  /// Whether there was something to give back.
  static bool trim_all_of(const Gpu& gpu);

  const std::shared_ptr<Gpu> gpu_;
  std::mutex mutex_;
  std::map<size_t, std::vector<DevicePointer>> free_;  // by size
  size_t kept_ = 0, max_kept_ = kMaxKept;              // bytes
};

/// A piece of device memory of a pool.
class PooledMemory : public Memory {
 public:
  PooledMemory(std::shared_ptr<Pool> pool, size_t bytes);
  ~PooledMemory() override;
  DevicePointer pointer() const { return reinterpret_cast<DevicePointer>(data_); }

 private:
  const std::shared_ptr<Pool> pool_;
};

/// Memory of the device that belongs to somebody else.
class BorrowedMemory : public Memory {
 public:
  /// Throws std::invalid_argument unless the driver knows `bytes` bytes of the GPU's memory at `pointer`.
  BorrowedMemory(const Gpu& gpu, DevicePointer pointer, size_t bytes);
};

/// Memory of the device that another process allocated.
class SharedMemory : public Memory {
 public:
  /// Throws std::invalid_argument if what is shared is smaller.
  SharedMemory(std::shared_ptr<Gpu> gpu, const IpcToken& token, size_t offset, size_t bytes);
  ~SharedMemory() override;

 private:
  const std::shared_ptr<Gpu> gpu_;
  DevicePointer base_ = 0;
};

/// The token of memory that begins where its allocation does.
IpcToken share(const Gpu& gpu, DevicePointer pointer);

/// Memory of the host that the GPU writes to.
class MappedMemory {
 public:
  MappedMemory(std::shared_ptr<Gpu> gpu, size_t bytes);
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
  ~MappedMemory();
  void* host() const { return host_; }
  DevicePointer device() const { return device_; }

 private:
  const std::shared_ptr<Gpu> gpu_;
  void* host_ = nullptr;
  DevicePointer device_ = 0;
};

/// A point in a stream's order that other threads wait for.
class Event {
 public:
  explicit Event(std::shared_ptr<Gpu> gpu, bool timed = false);
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();
  void record(StreamHandle stream);
  /// Returns when what was enqueued before the last `record` is done. Throws what went wrong. The thread
  /// sleeps, unless that comes so soon that spinning is cheaper.
  void wait(bool spins = true);
  /// The same for destructors: what fails here has failed, and was reported, before.
  void settle() const;
  /// Milliseconds between two timed events that were waited for.
  double since(const Event& earlier) const;

 private:
  const std::shared_ptr<Gpu> gpu_;
  EventHandle event_ = nullptr;
};

}  // namespace roi::cuda
