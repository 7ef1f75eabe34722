#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "../problem.h"
#include "driver.h"
#include "image.h"
#include "step_params.h"

namespace roi::cuda {

/// A GPU as it is described to a user.
struct GpuInfo {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  size_t memory = 0;         ///< bytes
  std::string driver;        ///< the version of CUDA that the driver supports, as 13.0
  std::string problem;       ///< why it cannot be used; empty if it can
};

/// How many GPUs there are. Throws DeviceError if there is no driver or it finds none.
int count_gpus();
/// All GPUs, each as far as it can be described. Opens those that are not open, to see whether that succeeds.
/// Throws as count_gpus.
std::vector<GpuInfo> list_gpus(const Unpack& unpack);

/// An entry point, and how many of its blocks a multiprocessor holds.
class Kernel {
 public:
  Kernel(const Driver& driver, Function function) : driver_(driver), function_(function) {}
  /// As many blocks as fill the GPU, but no more than there are tasks.
  unsigned grid(int multiprocessors, size_t shared_bytes, int tasks);
  void launch(unsigned grid, size_t shared_bytes, StreamHandle stream, const StepParams& params) const;

 private:
  const Driver& driver_;
  Function function_;
  std::mutex mutex_;
  size_t shared_bytes_ = ~size_t{0};  // of the answer that is kept
  int blocks_ = 0;
};

/// A GPU's primary context, which is shared with every other CUDA library of the process, and the kernels in
/// it.
class Gpu {
 public:
  /// One for each GPU and process, until its last holder is gone. Throws DeviceError where there is no such
  /// GPU, its context cannot be made or there are no kernels for it.
  static std::shared_ptr<Gpu> open(int ordinal, const Unpack& unpack);
  Gpu(int ordinal, const Unpack& unpack);
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
  ~Gpu();

  const Driver& driver() const { return driver_; }
  int ordinal() const { return ordinal_; }
  Context context() const { return context_; }
  int multiprocessors() const { return multiprocessors_; }
  const GpuInfo& info() const { return info_; }
  /// The step of an element type.
  Kernel& step(DType dtype);
  /// A kernel that does nothing.
  Kernel& nothing();
  /// The L2, in bytes.
  size_t cache_bytes() const;

 private:
  static constexpr int kFloatTypes = 3;

  void load_kernels(const Image& image, const Unpack& unpack);
  Kernel& kernel(std::unique_ptr<Kernel>& kernel, const char* name);

  const Driver& driver_;
  const int ordinal_;
  DeviceNumber device_ = 0;
  Context context_ = nullptr;
  GpuInfo info_;
  int multiprocessors_ = 0;
  std::mutex mutex_;  // of the kernels
  Module module_ = nullptr;
  std::unique_ptr<Kernel> steps_[kFloatTypes], nothing_;
};

/// While this lives the GPU's context is this thread's, and no capture of a stream that somebody has under
/// way forbids this thread's calls: what a pool allocates, or a thread waits for, is no part of it.
class Current {
 public:
  explicit Current(const Gpu& gpu) : Current(gpu, std::nothrow) {
    driver_.check(entered_, "entering the GPU's context");
  }
  /// For destructors: where the context cannot be entered, its memory is gone as well.
  Current(const Gpu& gpu, std::nothrow_t)
      : driver_(gpu.driver()),
        entered_(driver_.context_push(gpu.context())),
        exchanged_(driver_.capture_mode && driver_.capture_mode(&capture_mode_) == kSuccess) {}
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
  ~Current() {
    if (exchanged_) driver_.capture_mode(&capture_mode_);
    Context context;
    if (*this) driver_.context_pop(&context);
  }
  explicit operator bool() const { return entered_ == kSuccess; }

 private:
  const Driver& driver_;
  const Status entered_;
  int capture_mode_ = kCaptureRelaxed;  // in exchange for the thread's own
  const bool exchanged_;
};

}  // namespace roi::cuda
