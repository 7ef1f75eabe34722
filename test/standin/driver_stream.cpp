#include "exports.h"
#include "state.h"

// Streams and events.

namespace roi::standin {

std::shared_ptr<Stream> stream_of(const ContextPointer& context, StreamHandle handle) {
  const auto value = reinterpret_cast<uintptr_t>(handle);
  if (value > kStreamPerThread) {
    auto stream = driver_state().streams.find(handle);
    return stream && stream->context == context ? stream : nullptr;
  }
  const std::lock_guard lock(driver_state().mutex);
  auto& stream = value == kStreamPerThread ? context->thread_streams[std::this_thread::get_id()]
                                           : context->default_stream;
  if (!stream) stream = Stream::start(context, true);
  return stream;
}

Status stream_create(StreamHandle* stream, unsigned flags) {
  return in_context(Call::stream_create, [&](const ContextPointer& context) -> Status {
    if (flags > kStreamNonBlocking) return kInvalidValue;
    *stream = driver_state().streams.add<StreamHandle>(Stream::start(context, flags == 0));
    return kSuccess;
  });
}

Status stream_destroy(StreamHandle handle) {
  return in_any_context(Call::stream_destroy, [&](const ContextPointer&) -> Status {
    const auto stream = driver_state().streams.remove(handle);
    if (!stream) return kInvalidHandle;
    stream->close();
    return kSuccess;
  });
}

Status stream_context(StreamHandle handle, cuda::Context* context) {
  return in_context(Call::stream_context, [&](const ContextPointer& current) -> Status {
    const bool is_default = reinterpret_cast<uintptr_t>(handle) <= kStreamPerThread;
    const auto stream = is_default ? stream_of(current, handle) : driver_state().streams.find(handle);
    if (!stream) return kInvalidHandle;
    *context = reinterpret_cast<cuda::Context>(stream->context.get());
    return kSuccess;
  });
}

Status stream_synchronize(StreamHandle handle) {
  return in_context(Call::stream_synchronize, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, handle);
    if (!stream) return kInvalidHandle;
    return wait_for(*stream);
  });
}

Status event_create(EventHandle* event, unsigned flags) {
  return in_context(Call::event_create, [&](const ContextPointer& context) -> Status {
    if (flags > (kEventBlockingSync | kEventDisableTiming)) return kInvalidValue;
    *event = driver_state().events.add<EventHandle>(
        std::make_shared<Event>(context, (flags & kEventDisableTiming) == 0));
    return kSuccess;
  });
}

Status event_destroy(EventHandle handle) {
  return in_any_context(Call::event_destroy, [&](const ContextPointer&) -> Status {
    return driver_state().events.remove(handle) ? kSuccess : kInvalidHandle;
  });
}

Status event_record(EventHandle handle, StreamHandle stream_handle) {
  return in_context(Call::event_record, [&](const ContextPointer& context) -> Status {
    const auto event = driver_state().events.find(handle);
    const auto stream = stream_of(context, stream_handle);
    if (!event || !stream || event->context != stream->context) return kInvalidHandle;
    Event::record(event, *stream);
    return kSuccess;
  });
}

Status event_synchronize(EventHandle handle) {
  // The event knows its context; none need be current.
  if (const Status result = enter(Call::event_synchronize)) return result;
  const auto event = driver_state().events.find(handle);
  return event ? event->wait() : kInvalidHandle;
}

Status event_query(EventHandle handle) {
  if (const Status result = enter(Call::event_query)) return result;
  const auto event = driver_state().events.find(handle);
  return event ? event->query() : kInvalidHandle;
}

Status event_elapsed(float* milliseconds, EventHandle start_handle, EventHandle end_handle) {
  return in_context(Call::event_elapsed, [&](const ContextPointer& context) -> Status {
    const auto start = driver_state().events.find(start_handle), end = driver_state().events.find(end_handle);
    if (!start || !end || !start->timed || !end->timed) return kInvalidHandle;
    const std::lock_guard lock(context->mutex);
    if (start->recorded == 0 || end->recorded == 0) return kInvalidHandle;
    if (start->reached < start->recorded || end->reached < end->recorded) return kNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return kSuccess;
  });
}

Status host_function(StreamHandle handle, void (*function)(void*), void* data) {
  return in_context(Call::host_function, [&](const ContextPointer& context) -> Status {
    const auto stream = stream_of(context, handle);
    if (!stream || !function) return kInvalidValue;
    stream->enqueue([function, data]() -> Status {
      function(data);
      return kSuccess;
    });
    return kSuccess;
  });
}

}  // namespace roi::standin
