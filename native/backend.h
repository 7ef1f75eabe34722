#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "matching.h"
#include "problem.h"

namespace roi {

/// A piece of a device's memory, owned or borrowed; freed with the last reference to it.
class Memory {
 public:
  virtual ~Memory() = default;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 protected:
  Memory(void* data, size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_;
  size_t bytes_;
};

using MemoryRef = std::shared_ptr<Memory>;

/// Names a piece of device memory across processes: CUipcMemHandle.
using IpcToken = std::array<char, 64>;

/// What a device could not do and why, in the words of its driver. Being out of memory is std::bad_alloc.
struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A bad value that a step came upon, and whether an error has told of it.
struct BadInputReport {
  explicit BadInputReport(BadInput bad) : input(bad) {}
  const BadInput input;
  std::atomic<bool> reported{false};
};

/// A captured step, as a backend has it.
struct StepGraph {
  virtual ~StepGraph() = default;
};

/// All that a device's stream was given for a while, as a backend has it.
struct WorkGraph {
  virtual ~WorkGraph() = default;
};

/// The stream is being captured, and something else was asked of it than steps.
struct CapturingError : DeviceError {
  explicit CapturingError(const std::string& doing, const std::string& stream = "the device's stream")
      : DeviceError(stream + " is being captured in a graph, which must end before " + doing) {}
};

/// A point in the order of a device's work.
class Mark {
 public:
  virtual ~Mark() = default;
  /// Waits until the device has come here. Milliseconds from `earlier`, a mark of the same device.
  virtual double since(const Mark& earlier) = 0;
};

/// What a backend adds to a step.
struct StepState {
  virtual ~StepState() = default;
};

/// One step on its way through a backend. It holds what the step needs until it is done.
struct Step {
  Problem problem;
  Result result;
  std::string error;  ///< why there is no result, if not empty
  const char* error_code = "ERR_ROI_LOSS_DEVICE";
  std::shared_ptr<StepGraph> graph;  ///< what the step was captured in, if it was
  /// The owner of the stream captured the step as it was submitted: it runs when his graph does, and another
  /// step with this one's `graph` tells what the last run left.
  bool is_captured = false;
  std::shared_ptr<BadInputReport> bad_input;  ///< of this step, or of an earlier one that nobody awaited
  std::unique_ptr<StepState> state;
  MemoryRef source;  ///< what is copied to `target` of the host behind the terms, if not null
  void* target = nullptr;
  std::function<void()> on_done;  ///< called once, on any thread, after all of these are complete
};

using StepRef = std::shared_ptr<Step>;

/// A device: its memory, and one ordered stream of steps and copies. Calls come from one thread at a time.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string description() const = 0;

  /// Zero-filled. Throws std::bad_alloc.
  virtual MemoryRef allocate(size_t bytes) = 0;
  /// Memory of somebody else, which must outlive all use of it. Throws std::invalid_argument if this cannot
  /// be memory of the device.
  virtual MemoryRef borrow(uint64_t pointer, size_t bytes) = 0;

  /// What another process on this machine opens memory of this device by. Throws DeviceError where that
  /// cannot be, std::invalid_argument if `memory` does not begin where its allocation does.
  virtual IpcToken share(const Memory& memory);
  /// `bytes` bytes from `offset` on of memory that another process shares.
  virtual MemoryRef open_shared(const IpcToken& token, size_t offset, size_t bytes);

  /// Copies in the order of the stream; both return when the host's side of the copy is done with.
  virtual void write(Memory& target, const void* source, size_t bytes) = 0;
  virtual void read(const Memory& source, void* target, size_t bytes) = 0;

  /// Whether steps can make targets from objects.
  virtual bool makes_targets() const { return false; }
  /// A bad label, match or box, as far as the host can tell before the step.
  virtual std::optional<BadInput> find_bad_input(const Problem& problem) = 0;
  /// Whether `problem` should go through the stream, being long or behind others. If not, `run` it.
  virtual bool queues(const Problem& problem) = 0;
  /// Whether what was submitted may be done sooner than a sleeping thread wakes, and waiting begins with
  /// spinning.
  virtual bool is_prompt() const { return false; }
  /// Runs a step whose memory is the host's, after all that was submitted before.
  virtual void run(const Problem& problem, Result& result) = 0;
  /// Enqueues a step whose memory is the device's, but for class weights and upstream gradients. It may come
  /// back as `is_captured`.
  virtual void submit(StepRef step) = 0;
  /// Matches boxes in the host's memory, after all that was submitted before.
  virtual void match(const MatchProblem& problem);
  /// Captures such a step; as a step's `graph` that spares `submit` some work. Null where there is none to
  /// spare.
  virtual std::shared_ptr<StepGraph> capture(const Problem&) { return nullptr; }

  /// Captures all that the stream is given, as its owner might.
  virtual void begin_capture();
  virtual std::shared_ptr<WorkGraph> end_capture();
  virtual void launch(const WorkGraph& graph);

  virtual std::unique_ptr<Mark> mark() = 0;

  /// Returns when all that was submitted is done.
  virtual void synchronize() = 0;
  /// Finishes what was submitted, its `on_done` included. Nothing may be submitted after.
  virtual void close() = 0;

  /// The stream that steps are enqueued on, as other libraries know it; 0 where there is none.
  virtual uint64_t stream() const { return 0; }

  /// c = a + b over n floats of host memory: the floor that benchmarks of the CPU measure against.
  virtual void add(const float* a, const float* b, float* c, int64_t n);
  /// The same of a GPU, enqueued: a copy of all of `source`, zeros into all of `target`, a launch that does
  /// nothing.
  virtual void copy(Memory& target, const Memory& source);
  virtual void fill(Memory& target);
  virtual void launch_nothing();
  /// The GPU's last level of cache, in bytes.
  virtual size_t cache_bytes();
};

}  // namespace roi
