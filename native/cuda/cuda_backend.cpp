#include "cuda_backend.h"

#include <algorithm>
#include <numeric>

#include "../buffers.h"
#include "../step_queue.h"
#include "launch.h"
#include "memory.h"
#include "prepared.h"
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
  std::unique_ptr<Slot> slot;  // null where its graph has it
  std::vector<HostCopy> copies;
};

class EventMark : public Mark {
 public:
  explicit EventMark(const std::shared_ptr<Gpu>& gpu) : event(gpu, true) {}
  double since(const Mark& earlier) override {
    event.wait();
    return event.since(static_cast<const EventMark&>(earlier).event);
  }
  Event event;
};

class CudaBackend : public Backend {
 public:
  CudaBackend(int ordinal, uint64_t stream, const cuda::Unpack& unpack)
      : gpu_(Gpu::open(ordinal, unpack)),
        pool_(std::make_shared<Pool>(gpu_)),
        stream_(gpu_, stream),
        staging_(gpu_),
        slots_(gpu_),
        queue_([this](Step& step) { finish(step); }) {
    check_not_captured("opening a device on it");
    const Current current(*gpu_);
    workspace_ = make_workspace(pool_, stream_.handle());
  }
  ~CudaBackend() override { close(); }

  std::string description() const override {
    const GpuInfo& info = gpu_->info();
    return "CUDA, " + info.name + ", compute capability " + std::to_string(info.major) + "." +
           std::to_string(info.minor);
  }
  uint64_t stream() const override { return reinterpret_cast<uint64_t>(stream_.handle()); }

  MemoryRef allocate(size_t bytes) override {
    check_not_captured("allocating memory");
    const auto memory = std::make_shared<PooledMemory>(pool_, bytes);
    const Current current(*gpu_);
    clear(memory->pointer(), bytes, 0, stream_.handle());
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
    check_not_captured("writing a tensor");
    staging_.write(address(target), source, bytes, stream_.handle());
  }
  void read(const Memory& source, void* target, size_t bytes) override {
    check_not_captured("reading a tensor");
    staging_.read(address(source), target, bytes, stream_.handle());
  }

  /// The labels are the device's: its kernel finds bad ones.
  std::optional<BadInput> find_bad_input(const Problem&) override { return std::nullopt; }
  bool queues(const Problem&) override { return true; }
  bool is_prompt() const override { return true; }

  /// Over copies of the host's memory. The gradients are written whole.
  void run(const Problem& host, Result& result) override {
    check_not_captured("a step on arrays of the host");
    Problem problem = host;
    problem.box.fill = problem.mask.fill = GradFill::kRewrite;
    std::vector<std::unique_ptr<PooledMemory>> copies;
    std::vector<void*> targets;
    each_buffer(problem, [&](const char*, auto& data, DType dtype, Sizes sizes, Use) {
      if (!data) return;
      using Pointer = std::remove_reference_t<decltype(data)>;
      auto copy = std::make_unique<PooledMemory>(pool_, bytes_of(sizes, dtype));
      void* target = nullptr;
      if constexpr (std::is_const_v<std::remove_pointer_t<Pointer>>)  // an input
        staging_.write(copy->pointer(), data, copy->bytes(), stream_.handle());
      else
        target = data;
      targets.push_back(target);
      data = static_cast<Pointer>(copy->data());
      copies.push_back(std::move(copy));
    });
    const auto step = std::make_shared<Step>();
    step->problem = problem;
    step->on_done = [] {};
    submit(step);
    queue_.synchronize();
    if (!step->error.empty()) throw DeviceError(step->error);
    if (step->bad_input) step->bad_input->reported = true;
    for (size_t i = 0; i < copies.size(); i++)
      if (targets[i]) read(*copies[i], targets[i], copies[i]->bytes());
    result = step->result;
  }

  void submit(StepRef step) override {
    check_sizes(step->problem);
    auto* const graph = static_cast<CapturedStep*>(step->graph.get());
    const Current current(*gpu_);
    if (is_captured("running a step")) return add_to_owners_graph(std::move(step));
    auto launched = std::make_unique<Launched>();
    if (graph && graph->owners) {
      graph->owners->done.record(stream_.handle());
    } else {
      launched->slot = graph ? launch(*graph) : launch(step->problem);
      settled([&] {
        if (step->source)
          launched->copies = staging_.read_later(address(*step->source), step->target, step->source->bytes(),
                                                 stream_.handle());
        launched->slot->done.record(stream_.handle());
      });
    }
    step->state = std::move(launched);
    queue_.submit(std::move(step));
  }

  std::shared_ptr<StepGraph> capture(const Problem& problem) override {
    if (!Graph::is_supported(gpu_->driver())) return nullptr;
    check_sizes(problem);
    check_not_captured("capturing a step by itself");
    const Current current(*gpu_);
    auto graph = std::make_shared<CapturedStep>(gpu_);
    graph->prepared = prepare(problem);
    graph->slots.put(capture(graph->prepared));
    return graph;
  }

  void begin_capture() override {
    const Current current(*gpu_);
    Graph::begin(*gpu_, stream_.handle(), kCaptureGlobal);  // the default, and the strictest
  }
  std::shared_ptr<WorkGraph> end_capture() override {
    const Current current(*gpu_);
    return Graph::end(gpu_, stream_.handle());
  }
  void launch(const WorkGraph& graph) override {
    const Current current(*gpu_);
    static_cast<const Graph&>(graph).launch(stream_.handle());
  }

  void copy(Memory& target, const Memory& source) override {
    const Driver& driver = gpu_->driver();
    if (!driver.copy_on_device) throw DeviceError("this driver does not copy on the device");
    if (target.bytes() < source.bytes()) throw DeviceError("the target of a copy is smaller than its source");
    const Current current(*gpu_);
    driver.check(driver.copy_on_device(address(target), address(source), source.bytes(), stream_.handle()),
                 "copying on the device");
  }
  void fill(Memory& target) override {
    const Current current(*gpu_);
    clear(address(target), target.bytes(), 0, stream_.handle());
  }
  void launch_nothing() override {
    Kernel& kernel = gpu_->nothing();
    const Current current(*gpu_);
    kernel.launch(1, 0, stream_.handle(), {});
  }
  size_t cache_bytes() override { return gpu_->cache_bytes(); }

  std::unique_ptr<Mark> mark() override {
    check_not_captured("measuring a time");
    const Current current(*gpu_);
    auto mark = std::make_unique<EventMark>(gpu_);
    mark->event.record(stream_.handle());
    return mark;
  }

  void synchronize() override {
    queue_.synchronize();
    const Current current(*gpu_);
    gpu_->driver().check(gpu_->driver().stream_synchronize(stream_.handle()), "waiting for the GPU");
  }
  void close() override {
    queue_.close();
    if (!captured_.empty()) settle_captured();
    captured_.clear();
    pool_->close();
  }

 private:
  static DevicePointer address(const Memory& memory) {
    return reinterpret_cast<DevicePointer>(memory.data());
  }

  void clear(DevicePointer pointer, size_t bytes, unsigned char value, StreamHandle stream) {
    if (bytes)
      gpu_->driver().check(gpu_->driver().set_bytes(pointer, value, bytes, stream), "clearing memory");
  }

  /// Whether somebody is capturing the stream. The GPU's context is current.
  bool is_captured(const char* doing) {
    const Driver& driver = gpu_->driver();
    if (!driver.capture_status) return false;
    int status = kCaptureStatusNone;
    const Status result = driver.capture_status(stream_.handle(), &status);
    // The legacy default stream waits for others and makes them wait, which no capture of theirs survives.
    if (result == kCaptureImplicit) throw CapturingError(doing, "a stream that the default stream waits for");
    driver.check(result, "looking at the stream");
    return status != kCaptureStatusNone;
  }
  void check_not_captured(const char* doing) {
    const Current current(*gpu_);
    if (is_captured(doing)) throw CapturingError(doing);
  }

  std::shared_ptr<PooledMemory> make_workspace(const std::shared_ptr<Pool>& pool, StreamHandle stream) {
    auto memory = std::make_shared<PooledMemory>(pool, sizeof(Workspace));
    clear(memory->pointer(), sizeof(Workspace), 0, stream);
    clear(memory->pointer() + offsetof(Workspace, bad_index), sizeof(Workspace::bad_index), 0xff, stream);
    return memory;
  }

  /// Copies floats that came with a step to the device.
  void upload(const float*& floats, int64_t n, Prepared& into, const std::shared_ptr<Pool>& pool,
              StreamHandle stream) {
    if (!floats) return;
    const auto& copy = into.uploads.emplace_back(
        std::make_unique<PooledMemory>(pool, static_cast<size_t>(n) * sizeof(float)));
    staging_.write(copy->pointer(), floats, copy->bytes(), stream);
    floats = static_cast<const float*>(copy->data());
  }

  /// All but where losses and counts go.
  Prepared with_uploads(const Problem& problem, const std::shared_ptr<Pool>& pool, StreamHandle stream) {
    Prepared prepared;
    Problem& p = prepared.problem = problem;
    prepared.class_weight_sum = p.cls.weights ? std::accumulate(p.cls.weights, p.cls.weights + p.classes, 0.0)
                                              : static_cast<double>(p.classes);
    each_step_array(
        p, [&](const char*, const float*& floats, int64_t n) { upload(floats, n, prepared, pool, stream); });
    return prepared;
  }

  /// Of a whole number of vectors of 4 for each term.
  static size_t loss_bytes(const Problem& p) {
    const auto vectors = static_cast<size_t>(std::max({p.rois, p.mask_rois, int64_t{1}}) + 3) / 4;
    return kTerms * vectors * 4 * sizeof(float);
  }

  /// For launches on the stream, with memory that all of them share.
  Prepared prepare(const Problem& problem) {
    Prepared prepared = with_uploads(problem, pool_, stream_.handle());
    if (!losses_ || losses_->bytes() < loss_bytes(problem))
      losses_ = std::make_shared<PooledMemory>(pool_, loss_bytes(problem));
    prepared.losses = losses_;
    prepared.workspace = workspace_;
    return prepared;
  }

  /// For launches in a graph of somebody else's, on whatever stream: nothing is shared, and all is there when
  /// this returns.
  Prepared prepare_apart(const Problem& problem) {
    const Stream stream(gpu_, 0);
    const auto pool = std::make_shared<Pool>(gpu_);
    Prepared prepared = with_uploads(problem, pool, stream.handle());
    prepared.losses = std::make_shared<PooledMemory>(pool, loss_bytes(problem));
    prepared.workspace = make_workspace(pool, stream.handle());
    gpu_->driver().check(gpu_->driver().stream_synchronize(stream.handle()), "waiting for the GPU");
    return prepared;
  }

  /// One launch, or where the terms differ in their element types one for each type.
  void enqueue(const Prepared& prepared, Slot& slot, StreamHandle stream) {
    slot.launches = 0;
    for (const DType dtype : kFloatTypes) {
      if (!has_terms_of(prepared.problem, dtype)) continue;
      slot.expect_result(slot.launches);
      const StepParams params =
          params_of(prepared.problem, dtype, prepared.class_weight_sum, loss_rows(*prepared.losses),
                    static_cast<Workspace*>(prepared.workspace->data()), slot.target(slot.launches++),
                    gpu_->multiprocessors());
      Kernel& kernel = gpu_->step(dtype);
      const size_t shared_bytes = shared_bytes_of(params);
      const unsigned grid = kernel.grid(gpu_->multiprocessors(), shared_bytes, total_of(params.tasks));
      kernel.launch(grid, shared_bytes, stream, params);
    }
  }

  /// Calls `act`. Where it fails, what was launched before still writes to the step's slot: waits for it.
  template <class Act>
  void settled(Act act) {
    try {
      act();
    } catch (...) {
      gpu_->driver().stream_synchronize(stream_.handle());
      throw;
    }
  }

  std::unique_ptr<Slot> launch(const Problem& problem) {
    auto slot = slots_.take();
    settled([&] { enqueue(prepare(problem), *slot, stream_.handle()); });
    return slot;
  }

  std::unique_ptr<Slot> launch(CapturedStep& step) {
    auto slot = step.slots.take_free();
    if (!slot) slot = capture(step.prepared);
    for (size_t i = 0; i < slot->launches; i++) slot->expect_result(i);
    slot->graph->launch(stream_.handle());
    return slot;
  }

  /// A slot, and the graph that leaves its results there.
  std::unique_ptr<Slot> capture(const Prepared& prepared) {
    auto slot = std::make_unique<Slot>(gpu_);
    // Loading a module is no work for a stream that is being captured.
    for (const DType dtype : kFloatTypes)
      if (has_terms_of(prepared.problem, dtype)) gpu_->step(dtype);
    slot->graph = Graph::of(gpu_, [&](StreamHandle stream) { enqueue(prepared, *slot, stream); });
    return slot;
  }

  /// There is nothing to wait for: the step runs when the owner of the stream launches his graph. What it
  /// works on is kept for as long as the device is open.
  void add_to_owners_graph(StepRef step) {
    const Problem& p = step->problem;
    const auto* const graph = static_cast<CapturedStep*>(step->graph.get());
    if ((graph && graph->owners) || !p.has_terms()) throw CapturingError("waiting for it");
    const auto captured = std::make_shared<CapturedStep>(gpu_);
    captured->prepared = prepare_apart(p);
    captured->owners = std::make_unique<Slot>(gpu_);
    step->graph = captured;
    step->is_captured = true;
    captured_.push_back(std::move(step));
    // Where a launch fails, those before it are in the graph all the same.
    enqueue(captured->prepared, *captured->owners, stream_.handle());
  }

  /// On the queue's thread: waits for a step and takes its results.
  void finish(Step& step) {
    auto& own = static_cast<Launched&>(*step.state).slot;
    auto* const graph = static_cast<CapturedStep*>(step.graph.get());
    Slot& slot = own ? *own : *graph->owners;
    try {
      slot.wait();
      for (size_t i = 0; i < slot.launches; i++) {
        if (!own && !slot.has_result(i)) {
          step.error = "the graph that this step was captured in has not run yet";
          step.error_code = "ERR_ROI_LOSS_CAPTURE";
          break;
        }
        collect(slot.result(i), step.result);
        // Of several launches, as of one, the input that comes first is told of.
        const auto bad = bad_input_of(slot.result(i), step.problem.classes);
        auto& first = step.result.bad_input;
        if (bad && (!first || bad->input < first->input)) first = bad;
      }
      if (own) (graph ? graph->slots : slots_).put(std::move(own));
    } catch (const DeviceError& error) {
      step.error = error.what();
      // What the step writes to is let go of now, and it may not be done.
      settle(slot);
    }
    step.state.reset();
  }

  /// Waits, on the queue's thread, for a step that could not be waited for.
  void settle(Slot& slot) {
    const Current current(*gpu_, std::nothrow);
    if (!current) return;
    if (stream_.is_per_thread())
      slot.done.settle();  // the handle is that of this thread's stream
    else
      gpu_->driver().stream_synchronize(stream_.handle());
  }

  /// Waits for the graphs of the stream's owner: they leave results in pinned memory, which is freed without
  /// waiting. While the stream is captured again there is no waiting for it.
  void settle_captured() {
    const Driver& driver = gpu_->driver();
    const Current current(*gpu_, std::nothrow);
    int status = kCaptureStatusNone;
    if (!current || driver.capture_status(stream_.handle(), &status) != kSuccess) return;
    if (status == kCaptureStatusNone) driver.stream_synchronize(stream_.handle());
  }

  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pool> pool_;
  Stream stream_;
  Staging staging_;
  Slots slots_;
  std::shared_ptr<PooledMemory> workspace_, losses_;
  std::vector<StepRef> captured_;  // in graphs of the stream's owner
  StepQueue queue_;                // last, so that it ends first
};

}  // namespace

std::shared_ptr<Backend> make_cuda_backend(int ordinal, uint64_t stream, const cuda::Unpack& unpack) {
  return std::make_shared<CudaBackend>(ordinal, stream, unpack);
}

}  // namespace roi
