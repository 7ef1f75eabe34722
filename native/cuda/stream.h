#pragma once

#include <memory>
#include <stdexcept>

#include "gpu.h"

namespace roi::cuda {

/// A stream of the backend's own, or one that the caller has.
class Stream {
 public:
  /// `given` is a CUstream, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD among them, or 0. Throws
  /// std::invalid_argument if it is none of this GPU's primary context.
  Stream(std::shared_ptr<Gpu> gpu, uint64_t given) : gpu_(std::move(gpu)), owned_(given == 0) {
    const Driver& driver = gpu_->driver();
    const Current current(*gpu_);
    if (owned_) {
      driver.check(driver.stream_create(&handle_, kStreamNonBlocking), "creating a stream");
      return;
    }
    handle_ = reinterpret_cast<StreamHandle>(given);
    Context context = nullptr;
    if (driver.stream_context(handle_, &context) != kSuccess || context != gpu_->context())
      throw std::invalid_argument("is no stream of this GPU's primary context");
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (!owned_) return;
    if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().stream_destroy(handle_);
  }

  StreamHandle handle() const { return handle_; }
  /// Whether the handle means another stream on another thread.
  bool is_per_thread() const { return reinterpret_cast<uint64_t>(handle_) == kStreamPerThread; }

 private:
  const std::shared_ptr<Gpu> gpu_;
  const bool owned_;
  StreamHandle handle_ = nullptr;
};

}  // namespace roi::cuda
