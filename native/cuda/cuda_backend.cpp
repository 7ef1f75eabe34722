#include "cuda_backend.h"

#include <algorithm>
#include <numeric>

#include "../step_queue.h"
#include "host_problem.h"
#include "launch.h"
#include "memory.h"
#include "slots.h"
#include "staging.h"
#include "stream.h"

namespace roi {
namespace {

using namespace cuda;

constexpr DType kFloatTypes[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16};
static_assert(std::size(kFloatTypes) == kMaxLaunches);

/// What a step holds from its launch until its results are taken.
struct Launched : StepState {
  std::unique_ptr<Slot> slot;
};

class CudaBackend : public Backend {
 public:
  CudaBackend(int ordinal, uint64_t stream)
      : gpu_(Gpu::open(ordinal)),
        pool_(std::make_shared<Pool>(gpu_)),
        stream_(gpu_, stream),
        staging_(gpu_),
        slots_(gpu_),
        workspace_(pool_, sizeof(Workspace)),
        queue_([this](Step& step) { finish(step); }) {
    const Current current(*gpu_);
    clear(workspace_.pointer(), sizeof(Workspace), 0);
    clear(workspace_.pointer() + offsetof(Workspace, bad_index), sizeof(Workspace::bad_index), 0xff);
  }
  ~CudaBackend() override { close(); }

  std::string description() const override {
    const GpuInfo& info = gpu_->info();
    return "CUDA, " + info.name + ", compute capability " + std::to_string(info.major) + "." +
           std::to_string(info.minor);
  }
  uint64_t stream() const override { return reinterpret_cast<uint64_t>(stream_.handle()); }

  MemoryRef allocate(size_t bytes) override {
    const auto memory = std::make_shared<PooledMemory>(pool_, bytes);
    const Current current(*gpu_);
    clear(memory->pointer(), bytes, 0);
    return memory;
  }
  MemoryRef borrow(uint64_t pointer, size_t bytes) override {
    return std::make_shared<BorrowedMemory>(*gpu_, pointer, bytes);
  }
  IpcToken share(const Memory& memory) override { return cuda::share(*gpu_, address(memory)); }
  MemoryRef open_shared(const IpcToken& token, size_t offset, size_t bytes) override {
    return std::make_shared<SharedMemory>(gpu_, token, offset, bytes);
  }
  void write(Memory& target, const void* source, size_t bytes) override {
    staging_.write(address(target), source, bytes, stream_.handle());
  }
  void read(const Memory& source, void* target, size_t bytes) override {
    staging_.read(address(source), target, bytes, stream_.handle());
  }

  /// The labels are the device's: its kernel finds bad ones.
  std::optional<BadLabel> find_bad_label(const Problem&) override { return std::nullopt; }
  bool queues(const Problem&) override { return true; }

  /// Over copies of the host's memory. The gradients are written whole.
  void run(const Problem& host, Result& result) override {
    Problem problem = host;
    problem.box.fill = problem.mask.fill = GradFill::kRewrite;
    std::vector<std::unique_ptr<PooledMemory>> copies;
    std::vector<void*> targets;
    each_buffer(problem, [&](void*& data, size_t bytes, Use use) {
      auto copy = std::make_unique<PooledMemory>(pool_, bytes);
      if (use == Use::kRead) staging_.write(copy->pointer(), data, bytes, stream_.handle());
      targets.push_back(use == Use::kWritten ? data : nullptr);
      data = copy->data();
      copies.push_back(std::move(copy));
    });
    const auto step = std::make_shared<Step>();
    step->problem = problem;
    step->on_done = [] {};
    submit(step);
    queue_.synchronize();
    if (!step->error.empty()) throw DeviceError(step->error);
    for (size_t i = 0; i < copies.size(); i++)
      if (targets[i]) read(*copies[i], targets[i], copies[i]->bytes());
    result = step->result;
  }

  void submit(StepRef step) override {
    check_sizes(step->problem);
    const Current current(*gpu_);
    auto launched = std::make_unique<Launched>();
    launched->slot = slots_.take();
    launch(step->problem, *launched->slot);
    launched->slot->done.record(stream_.handle());
    step->state = std::move(launched);
    queue_.submit(std::move(step));
  }

  void synchronize() override {
    queue_.synchronize();
    const Current current(*gpu_);
    gpu_->driver().check(gpu_->driver().stream_synchronize(stream_.handle()), "waiting for the GPU");
  }
  void close() override { queue_.close(); }

 private:
  static DevicePointer address(const Memory& memory) {
    return reinterpret_cast<DevicePointer>(memory.data());
  }

  void clear(DevicePointer pointer, size_t bytes, unsigned char value) {
    if (bytes)
      gpu_->driver().check(gpu_->driver().set_bytes(pointer, value, bytes, stream_.handle()),
                           "clearing memory");
  }

  using Uploads = std::vector<std::unique_ptr<PooledMemory>>;

  /// Copies floats that came with a step to the device.
  void upload(const float*& floats, int64_t n, Uploads& uploads) {
    if (!floats) return;
    const auto& copy =
        uploads.emplace_back(std::make_unique<PooledMemory>(pool_, static_cast<size_t>(n) * sizeof(float)));
    staging_.write(copy->pointer(), floats, copy->bytes(), stream_.handle());
    floats = static_cast<const float*>(copy->data());
  }

  LossRows loss_rows(const Problem& p) {
    const auto rows = static_cast<size_t>(std::max({p.rois, p.mask_rois, int64_t{1}}));
    if (!losses_ || losses_->bytes() < 3 * rows * sizeof(float))
      losses_ = std::make_unique<PooledMemory>(pool_, 3 * rows * sizeof(float));
    auto* first = static_cast<float*>(losses_->data());
    return {first, first + rows, first + 2 * rows};
  }

  /// One launch, or where the terms differ in their element types one for each type.
  void launch(Problem p, Slot& slot) {
    const double weight_sum = p.cls.weights ? std::accumulate(p.cls.weights, p.cls.weights + p.classes, 0.0)
                                            : static_cast<double>(p.classes);
    slot.launches = 0;
    // Free again on return: whoever gets their memory next is behind this step in the stream.
    Uploads uploads;
    upload(p.cls.weights, p.classes, uploads);
    upload(p.cls.upstream, p.rois, uploads);
    upload(p.box.upstream, p.rois, uploads);
    upload(p.mask.upstream, p.mask_rois, uploads);
    const LossRows rows = loss_rows(p);
    for (const DType dtype : kFloatTypes) {
      if (!has_terms_of(p, dtype)) continue;
      const StepParams params =
          params_of(p, dtype, weight_sum, rows, static_cast<Workspace*>(workspace_.data()),
                    slot.target(slot.launches++));
      Kernel& kernel = gpu_->step(dtype);
      const size_t shared_bytes = shared_bytes_of(params);
      const unsigned grid = kernel.grid(gpu_->multiprocessors(), shared_bytes, total_of(params.tasks));
      kernel.launch(grid, shared_bytes, stream_.handle(), params);
    }
  }

  /// On the queue's thread: waits for a step and takes its results.
  void finish(Step& step) {
    auto& slot = static_cast<Launched&>(*step.state).slot;
    try {
      slot->done.wait();
      for (size_t i = 0; i < slot->launches; i++) {
        collect(slot->result(i), step.result);
        if (const auto bad = bad_label_of(slot->result(i), step.problem.classes); bad && !step.bad_label)
          step.bad_label = std::make_shared<BadLabelReport>(*bad);
      }
      // What nobody was told of comes with the next wait for the device itself.
      if (step.bad_label)
        untold_ = step.bad_label;
      else if (slot->launches == 0)
        step.bad_label = std::move(untold_);
      slots_.put(std::move(slot));
    } catch (const DeviceError& error) {
      step.error = error.what();
    }
    step.state.reset();
  }

  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pool> pool_;
  Stream stream_;
  Staging staging_;
  Slots slots_;
  PooledMemory workspace_;
  std::unique_ptr<PooledMemory> losses_;
  std::shared_ptr<BadLabelReport> untold_;  // on the queue's thread
  StepQueue queue_;                         // last, so that it ends first
};

}  // namespace

std::shared_ptr<Backend> make_cuda_backend(int ordinal, uint64_t stream) {
  return std::make_shared<CudaBackend>(ordinal, stream);
}

}  // namespace roi
