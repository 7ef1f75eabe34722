#include "gpu.h"

#include <algorithm>
#include <map>

#include "image.h"

namespace roi::cuda {
namespace {

constexpr const char* no_kernels =
#ifdef ROI_CUDA_OFF
    "this build of roi-loss has no CUDA kernels: ROI_LOSS_CUDA=off left them out";
#else
    "this build of roi-loss has no CUDA kernels: they need Linux and nvcc";
#endif

void describe(GpuInfo& info, const Driver& driver, DeviceNumber device) {
  info.driver = version_text(driver.version);
  char name[256] = {};
  driver.check(driver.device_name(name, sizeof name - 1, device), "asking for the GPU's name");
  info.name = name;
  driver.check(driver.device_attribute(&info.major, kComputeCapabilityMajor, device),
               "asking for the compute capability");
  driver.check(driver.device_attribute(&info.minor, kComputeCapabilityMinor, device),
               "asking for the compute capability");
  driver.check(driver.device_memory(&info.memory, device), "asking for the GPU's memory");
}

int count_gpus(const Driver& driver) {
  int count = 0;
  driver.check(driver.device_count(&count), "counting GPUs");
  if (count == 0) throw Unavailable("the NVIDIA driver finds no GPU" + visible_devices_note());
  return count;
}

DeviceNumber device_at(const Driver& driver, int ordinal) {
  DeviceNumber device = 0;
  driver.check(driver.device_get(&device, ordinal), "opening the GPU");
  return device;
}

const Driver& usable_driver() {
  if (!has_kernels()) throw Unavailable(no_kernels);
  return Driver::get();
}

Context retain_context(const Driver& driver, DeviceNumber device) {
  Context context = nullptr;
  const Status result = driver.primary_context_retain(&context, device);
  constexpr const char* doing = "making the GPU's context";
  if (result == kDeviceUnavailable)
    throw Error(result, driver.message(result, doing) +
                            "; another process has the GPU to itself, or its compute mode forbids contexts");
  driver.check(result, doing);
  return context;
}

}  // namespace

int count_gpus() { return count_gpus(usable_driver()); }

std::vector<GpuInfo> list_gpus(const Unpack& unpack) {
  const Driver& driver = usable_driver();
  std::vector<GpuInfo> gpus(static_cast<size_t>(count_gpus(driver)));
  for (size_t i = 0; i < gpus.size(); i++) {
    const int ordinal = static_cast<int>(i);
    try {
      describe(gpus[i], driver, device_at(driver, ordinal));
      Gpu::open(ordinal, unpack);
    } catch (const DeviceError& error) {
      gpus[i].problem = error.what();
    }
  }
  return gpus;
}

unsigned Kernel::grid(int multiprocessors, size_t shared_bytes, int tasks) {
  const std::lock_guard lock(mutex_);
  if (shared_bytes != shared_bytes_) {
    driver_.check(driver_.occupancy(&blocks_, function_, kBlock, shared_bytes), "asking for the occupancy");
    shared_bytes_ = shared_bytes;
  }
  return static_cast<unsigned>(std::clamp(blocks_ * multiprocessors, 1, std::max(tasks, 1)));
}

void Kernel::launch(unsigned grid, size_t shared_bytes, StreamHandle stream, const StepParams& params) const {
  void* arguments[] = {const_cast<StepParams*>(&params)};
  driver_.check(driver_.launch(function_, grid, 1, 1, kBlock, 1, 1, static_cast<unsigned>(shared_bytes),
                               stream, arguments, nullptr),
                "launching a step");
}

std::shared_ptr<Gpu> Gpu::open(int ordinal, const Unpack& unpack) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Gpu>> open;
  const std::lock_guard lock(mutex);
  auto gpu = open[ordinal].lock();
  if (!gpu) open[ordinal] = gpu = std::make_shared<Gpu>(ordinal, unpack);
  return gpu;
}

Gpu::Gpu(int ordinal, const Unpack& unpack) : driver_(usable_driver()), ordinal_(ordinal) {
  const int count = count_gpus(driver_);
  if (ordinal < 0 || ordinal >= count)
    throw Unavailable("there " +
                      std::string(count == 1 ? "is 1 GPU" : "are " + std::to_string(count) + " GPUs") +
                      " on this machine" + visible_devices_note());
  device_ = device_at(driver_, ordinal);
  describe(info_, driver_, device_);
  const Image& image = image_for(info_.major, info_.minor, driver_.version);
  driver_.check(driver_.device_attribute(&multiprocessors_, kMultiprocessorCount, device_),
                "asking for the number of multiprocessors");
  context_ = retain_context(driver_, device_);
  try {
    load_kernels(image, unpack);
  } catch (...) {
    driver_.primary_context_release(device_);
    throw;
  }
}

Gpu::~Gpu() {
  if (const Current current(*this, std::nothrow); current) driver_.module_unload(module_);
  driver_.primary_context_release(device_);
}

void Gpu::load_kernels(const Image& image, const Unpack& unpack) {
  std::vector<char> unpacked;
  if (image.is_packed) unpacked = unpack(image.begin, image.end);
  const Current current(*this);
  const Status result = driver_.module_load(&module_, image.is_packed ? unpacked.data() : image.begin);
  if (result == kNoBinaryForGpu) throw no_kernels_for(info_.major, info_.minor);
  driver_.check(result, "loading the kernels");
}

Kernel& Gpu::kernel(std::unique_ptr<Kernel>& kernel, const char* name) {
  const std::lock_guard lock(mutex_);
  if (kernel) return *kernel;
  const Current current(*this);
  Function function;
  driver_.check(driver_.module_function(&function, module_, name), "looking for the kernel");
  kernel = std::make_unique<Kernel>(driver_, function);
  return *kernel;
}

Kernel& Gpu::step(DType dtype) {
  const char* name = dtype == DType::kFloat16    ? "roi_step_float16"
                     : dtype == DType::kBFloat16 ? "roi_step_bfloat16"
                                                 : "roi_step_float32";
  return kernel(steps_[static_cast<size_t>(dtype)], name);
}

Kernel& Gpu::nothing() { return kernel(nothing_, "roi_nothing"); }

size_t Gpu::cache_bytes() const {
  int bytes = 0;
  driver_.check(driver_.device_attribute(&bytes, kL2CacheSize, device_), "asking for the size of the cache");
  return static_cast<size_t>(bytes);
}

}  // namespace roi::cuda
