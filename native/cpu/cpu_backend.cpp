#include "cpu_backend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>

#include "../labels.h"
#include "../step_queue.h"
#include "matcher.h"
#include "memory.h"
#include "roi_steps.h"
#include "thread_pool.h"

namespace roi {
namespace {

// Work is counted in pixels of a mask, about a quarter of a nanosecond each (`npm run bench`).

/// An element of a class or box row, in pixels.
constexpr int64_t kRowElement = 4;
/// A crop of a mask target: that of an object of 200 × 200 pixels.
constexpr int64_t kCrop = 32 * 1024;
/// What a chunk, the unit of work of a thread, holds about: some four microseconds.
constexpr int64_t kChunkWork = 16 * 1024;
/// Below this much a step is done before other threads are awake.
constexpr int64_t kParallelWork = 64 * 1024;
/// A quarter of a millisecond of one thread: a step above it goes to the stream, so that the event loop can
/// turn.
constexpr int64_t kQueuedWork = 1024 * 1024;

int64_t work_of_mask(const Problem& p) { return p.mask.pixels() + (p.makes_mask_targets() ? kCrop : 0); }

int64_t work_of_row(const Problem& p) { return kRowElement * (p.classes + 8); }

/// The work of a step, foreground or not.
int64_t work_of(const Problem& p) {
  int64_t work = 0;
  if (p.cls.enabled || p.box.enabled) work += p.rois * work_of_row(p);
  if (p.mask.enabled) {
    work += p.mask_rois * work_of_mask(p);
    if (p.mask.gradient && p.mask.fill == GradFill::kRewrite)
      work += p.mask_rois * p.mask.pixels() * p.mask.channels / 4;
  }
  return work;
}

/// What a step needs room for: a loss for each RoI, and rows that are not contiguous floats where they lie.
struct Room {
  int64_t rois = 0, input_row = 0, target_row = 0, grad_row = 0, class_row = 0;
  CropRoom crop;

  bool holds(const Room& other) const {
    return other.rois <= rois && other.input_row <= input_row && other.target_row <= target_row &&
           other.grad_row <= grad_row && other.class_row <= class_row && crop.holds(other.crop);
  }
};

CropRoom crop_room_of(const Problem& p) {
  if (!p.makes_mask_targets()) return {};
  if (p.mask.source == TargetSource::kPolygons) return {p.mask.height, p.mask.width, 0, 0};
  return {p.mask.height, p.mask.width, p.objects.image_height, p.objects.image_width};
}

Room room_of(const Problem& p) {
  constexpr int64_t box_row = 4;
  const int64_t stride = p.mask.channels_last ? p.mask.channels : 1;
  const auto mask_row = [&](bool direct) { return direct ? box_row : std::max(p.mask.pixels(), box_row); };
  return {std::max(p.rois, p.mask_rois),
          mask_row(is_direct(p.mask.dtype, stride)),
          mask_row(is_direct(p.mask.target_dtype, 1)),
          mask_row(is_direct(p.mask.dtype, p.mask.compact_grad ? 1 : stride)),
          p.cls.dtype == DType::kFloat32 ? 0 : p.classes,
          crop_room_of(p)};
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Σ losses, in a fixed order and in double, so that it is right at any number of RoIs and the same on any
/// number of threads; and what the reduction and `weight` make of it.
double reduce(const Term& term, const Factors& factors, const std::vector<double>& losses, int64_t n) {
  double sum = 0;
  for (int64_t r = 0; r < n; r++) sum += losses[static_cast<size_t>(r)];
  if (term.per_roi)
    for (int64_t r = 0; r < n; r++)
      term.per_roi[r] = static_cast<float>(factors.loss * losses[static_cast<size_t>(r)]);
  return factors.loss * sum;
}

using Clock = std::chrono::steady_clock;

class ClockMark : public Mark {
 public:
  explicit ClockMark(std::shared_future<Clock::time_point> reached) : reached_(std::move(reached)) {}
  double since(const Mark& earlier) override {
    const auto& before = static_cast<const ClockMark&>(earlier);
    return std::chrono::duration<double, std::milli>(reached_.get() - before.reached_.get()).count();
  }

 private:
  const std::shared_future<Clock::time_point> reached_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(int threads, const RowKernels& rows, const BoxKernels& boxes)
      : rows_(rows), boxes_(boxes), threads_(static_cast<size_t>(threads)), queue_([this](Step& step) {
          execute(step.problem, step.result);
          if (step.source) copy(step.target, *step.source, step.source->bytes());
        }) {}

  std::string description() const override {
    return std::string("CPU, ") + rows_.name + ", " + std::to_string(threads_.size()) +
           (threads_.size() == 1 ? " thread" : " threads");
  }

  MemoryRef allocate(size_t bytes) override { return std::make_shared<CpuMemory>(bytes); }
  MemoryRef borrow(uint64_t pointer, size_t bytes) override {
    return std::make_shared<CpuMemory>(pointer, bytes);
  }

  bool makes_targets() const override { return true; }

  void write(Memory& target, const void* source, size_t bytes) override {
    synchronize();
    if (bytes) std::memcpy(target.data(), source, bytes);
  }
  void read(const Memory& source, void* target, size_t bytes) override {
    synchronize();
    copy(target, source, bytes);
  }

  std::optional<BadInput> find_bad_input(const Problem& problem) override {
    return roi::find_bad_input(problem);
  }
  bool queues(const Problem& problem) override {
    return work_of(problem) > kQueuedWork || !queue_.is_idle() ||
           (!problem.has_terms() && queue_.has_unreported());
  }

  void run(const Problem& problem, Result& result) override {
    synchronize();
    reserve(problem);
    execute(problem, result);
  }

  void submit(StepRef step) override {
    reserve(step->problem);
    queue_.submit(std::move(step));
  }

  void match(const MatchProblem& problem) override {
    synchronize();
    Matcher(problem, static_cast<int>(threads_.size()), boxes_).run(*pool_);
  }

  std::unique_ptr<Mark> mark() override {
    const auto reached = std::make_shared<std::promise<Clock::time_point>>();
    const auto reach = [reached] { reached->set_value(Clock::now()); };
    if (queue_.is_idle()) {
      reach();
    } else {
      const auto step = std::make_shared<Step>();
      step->on_done = reach;
      queue_.submit(step);
    }
    return std::make_unique<ClockMark>(reached->get_future().share());
  }

  void synchronize() override { queue_.synchronize(); }
  void close() override { queue_.close(); }

  void add(const float* a, const float* b, float* c, int64_t n) override {
    synchronize();
    run_chunks(ceil_div(n, kChunkWork), [&](int64_t chunk, int) {
      const int64_t begin = chunk * kChunkWork;
      rows_.add(a + begin, b + begin, c + begin, std::min(kChunkWork, n - begin));
    });
  }

 private:
  static void copy(void* target, const Memory& source, size_t bytes) {
    if (bytes) std::memcpy(target, source.data(), bytes);
  }

  /// Room for the step, so that the step itself allocates nothing. A queued step may be using what must grow.
  void reserve(const Problem& p) {
    const Room need = room_of(p);
    if (room_.holds(need)) return;
    synchronize();
    const Room room{std::max(need.rois, room_.rois),
                    std::max(need.input_row, room_.input_row),
                    std::max(need.target_row, room_.target_row),
                    std::max(need.grad_row, room_.grad_row),
                    std::max(need.class_row, room_.class_row),
                    room_.crop.with(need.crop)};
    for (auto* losses : {&class_losses_, &box_losses_, &mask_losses_})
      losses->resize(static_cast<size_t>(room.rois));
    for (ThreadState& thread : threads_) {
      thread.inputs.reserve(room.input_row);
      thread.targets.reserve(room.target_row);
      thread.grad.reserve(room.grad_row);
      thread.crops.reserve(room.crop);
      for (RowBuffer& buffer : thread.block_scores) buffer.reserve(room.class_row);
      for (RowBuffer& buffer : thread.block_grads) buffer.reserve(room.class_row);
    }
    room_ = room;  // only now: any of it may have thrown
  }

  void execute(const Problem& p, Result& result) {
    const Plan plan = make_plan(p);
    const MaskFormula mask(p.mask.kinds);
    const StepContext step{p, plan, rows_, mask};
    for (ThreadState& thread : threads_) {
      std::fill(std::begin(thread.counters), std::end(thread.counters), 0.0);
      thread.bad_input.reset();
    }

    const bool per_row = p.cls.enabled || p.box.enabled;
    const bool parallel = work_of(p) > kParallelWork;
    const int64_t rois = per_row ? p.rois : 0, mask_rois = p.mask.enabled ? p.mask_rois : 0;
    const int64_t chunk_rois =
        parallel ? std::max(kChunkWork / work_of_row(p), int64_t{1}) : std::max(rois, int64_t{1});
    const int64_t chunk_masks = parallel
                                    ? std::max(kChunkWork / std::max(work_of_mask(p), int64_t{1}), int64_t{1})
                                    : std::max(mask_rois, int64_t{1});
    const int64_t row_chunks = ceil_div(rois, chunk_rois);
    const int64_t mask_chunks = ceil_div(mask_rois, chunk_masks);

    const auto rows_chunk = [&](int64_t chunk, ThreadState& thread) {
      const int64_t end = std::min((chunk + 1) * chunk_rois, rois);
      const int64_t begin = chunk * chunk_rois;
      if (p.cls.enabled)
        for (int64_t r = begin; r < end; r += kClassBlock)
          class_rois(step, thread, r, std::min(r + kClassBlock, end), class_losses_.data());
      if (p.box.enabled)
        for (int64_t r = begin; r < end; r++) box_losses_[static_cast<size_t>(r)] = box_roi(step, thread, r);
    };
    const auto masks_chunk = [&](int64_t chunk, ThreadState& thread) {
      const int64_t end = std::min((chunk + 1) * chunk_masks, mask_rois);
      for (int64_t r = chunk * chunk_masks; r < end; r++)
        mask_losses_[static_cast<size_t>(r)] = mask_roi(step, thread, r);
    };
    const auto chunk = [&](int64_t i, int t) {
      ThreadState& thread = threads_[static_cast<size_t>(t)];
      i < mask_chunks ? masks_chunk(i, thread) : rows_chunk(i - mask_chunks, thread);
    };
    if (parallel)
      run_chunks(mask_chunks + row_chunks, chunk);
    else
      for (int64_t i = 0; i < mask_chunks + row_chunks; i++) chunk(i, 0);

    result = Result{};
    if (p.cls.enabled) result.class_loss = reduce(p.cls, plan.cls, class_losses_, p.rois);
    if (p.box.enabled) result.box_loss = reduce(p.box, plan.box, box_losses_, p.rois);
    if (p.mask.enabled) result.mask_loss = reduce(p.mask, plan.mask, mask_losses_, p.mask_rois);
    for (const ThreadState& thread : threads_) {
      for (size_t i = 0; i < kCounters; i++) result.counters[i] += thread.counters[i];
      if (thread.bad_input) keep_first(result.bad_input, *thread.bad_input);
    }
  }

  template <class Body>
  void run_chunks(int64_t chunks, const Body& body) {
    pool_->run(static_cast<int>(threads_.size()), chunks, body);
  }

  const RowKernels& rows_;
  const BoxKernels& boxes_;
  const std::shared_ptr<ThreadPool> pool_ = ThreadPool::shared();
  std::vector<ThreadState> threads_;
  Room room_;
  std::vector<double> class_losses_, box_losses_, mask_losses_;  // by RoI
  StepQueue queue_;                                              // last, so that it ends first
};

}  // namespace

std::shared_ptr<Backend> make_cpu_backend(int threads, const char* simd) {
  const RowKernels* kernels = rows(simd);
  if (!kernels) throw DeviceError(std::string("this machine has no instruction set \"") + simd + "\"");
  return std::make_shared<CpuBackend>(threads, *kernels, *box_kernels(simd));
}

}  // namespace roi
