#include <algorithm>
#include <vector>

#include "exports.h"
#include "state.h"

// Capture and graphs: what a stream is given while it is captured is kept, and done again at each launch.

namespace roi::standin {

namespace {

/// The calling thread's.
int& mode() {
  thread_local int mode = kCaptureGlobal;
  return mode;
}

struct Captures {
  std::mutex mutex;
  std::vector<std::shared_ptr<Capture>> under_way;
};

Captures& captures() {
  static Captures& captures = *new Captures;
  return captures;
}

/// Calls that may wait for all work, or need it to be known.
bool is_unsafe(Call call) {
  constexpr Call kUnsafe[] = {Call::memory_allocate,    Call::memory_free,       Call::host_allocate,
                              Call::host_free,          Call::event_synchronize, Call::event_query,
                              Call::stream_synchronize, Call::module_load,       Call::module_unload};
  return std::find(std::begin(kUnsafe), std::end(kUnsafe), call) != std::end(kUnsafe);
}

/// As cuThreadExchangeStreamCaptureMode is documented.
bool forbids(const Capture& capture) {
  const bool own = capture.thread == std::this_thread::get_id();
  if (capture.mode == kCaptureRelaxed || mode() == kCaptureRelaxed) return false;
  return own || (capture.mode == kCaptureGlobal && mode() == kCaptureGlobal);
}

bool is_blocking_captured(const PrimaryContext& context) {
  const std::lock_guard lock(captures().mutex);
  const auto& all = captures().under_way;
  return std::any_of(all.begin(), all.end(), [&](const auto& capture) {
    return capture->blocking && capture->graph->context.get() == &context;
  });
}

}  // namespace

Status check_captures(Call call) {
  if (!is_unsafe(call)) return kSuccess;
  Status result = kSuccess;
  const std::lock_guard lock(captures().mutex);
  for (const auto& capture : captures().under_way) {
    if (!forbids(*capture)) continue;
    capture->valid = false;
    result = kCaptureUnsupported;
  }
  return result;
}

int mode_of_thread() { return mode(); }

Status wait_for(Stream& stream) {
  const auto capture = stream.capture();
  if (!capture) return stream.drain();
  capture->valid = false;
  return kCaptureUnsupported;
}

Status capture_mode(int* exchanged) {
  if (const Status result = enter(Call::capture_mode)) return result;
  if (*exchanged < kCaptureGlobal || *exchanged > kCaptureRelaxed) return kInvalidValue;
  std::swap(mode(), *exchanged);
  return kSuccess;
}

Status capture_status(StreamHandle handle, int* status) {
  return in_context(Call::capture_status, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, handle);
    if (!stream) return kInvalidHandle;
    // What the legacy default stream is given would have to wait for a capture, which cannot be.
    if (stream == context->default_stream && is_blocking_captured(*context)) return kCaptureImplicit;
    const auto capture = stream->capture();
    *status = !capture ? kCaptureStatusNone : capture->valid ? 1 : 2;
    return kSuccess;
  });
}

Status capture_begin(StreamHandle handle, int capture_mode) {
  return in_context(Call::capture_begin, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, handle);
    if (!stream) return kInvalidHandle;
    if (stream == context->default_stream) return kCaptureUnsupported;
    if (stream->capture()) return kIllegalState;
    const auto capture = std::make_shared<Capture>(std::make_shared<Graph>(context), capture_mode,
                                                   std::this_thread::get_id(), stream->blocking);
    stream->set_capture(capture);
    const std::lock_guard lock(captures().mutex);
    captures().under_way.push_back(capture);
    return kSuccess;
  });
}

Status capture_end(StreamHandle handle, GraphHandle* graph) {
  return in_context(Call::capture_end, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, handle);
    if (!stream) return kInvalidHandle;
    const auto capture = stream->set_capture(nullptr);
    if (!capture) return kIllegalState;
    {
      const std::lock_guard lock(captures().mutex);
      std::erase(captures().under_way, capture);
    }
    *graph = capture->valid ? driver_state().graphs.add<GraphHandle>(capture->graph) : nullptr;
    return capture->valid ? kSuccess : kCaptureInvalidated;
  });
}

Status graph_destroy(GraphHandle graph) {
  return in_any_context(Call::graph_destroy, [&](const ContextPointer&) -> Status {
    return driver_state().graphs.remove(graph) ? kSuccess : kInvalidHandle;
  });
}

Status graph_instantiate(GraphExecHandle* exec, GraphHandle handle, unsigned long long flags) {
  return in_context(Call::graph_instantiate, [&](const ContextPointer&) -> Status {
    const auto graph = driver_state().graphs.find(handle);
    if (!graph || flags != 0) return kInvalidValue;
    *exec = driver_state().graph_execs.add<GraphExecHandle>(std::make_shared<Graph>(*graph));
    return kSuccess;
  });
}

Status graph_launch(GraphExecHandle handle, StreamHandle stream_handle) {
  return in_context(Call::graph_launch, [&](const ContextPointer& context) -> Status {
    const auto exec = driver_state().graph_execs.find(handle);
    const auto stream = stream_of(context, stream_handle);
    if (!exec || !stream || exec->context != stream->context) return kInvalidHandle;
    for (const Stream::Work& node : exec->nodes) stream->enqueue(node);
    return kSuccess;
  });
}

Status graph_exec_destroy(GraphExecHandle exec) {
  return in_any_context(Call::graph_exec_destroy, [&](const ContextPointer&) -> Status {
    return driver_state().graph_execs.remove(exec) ? kSuccess : kInvalidHandle;
  });
}

}  // namespace roi::standin
