#include "stream.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "results.h"

namespace roi::standin {

namespace {

/// One piece of work in so many comes late, by up to so many microseconds.
constexpr unsigned kOneIn = 8, kMostDelay = 500;

std::atomic<uint64_t> streams_started;

/// Those that still have work, or may get some.
std::vector<std::shared_ptr<Stream>> living(PrimaryContext& context) {
  std::vector<std::shared_ptr<Stream>> streams;
  const std::lock_guard lock(context.mutex);
  for (const auto& stream : context.streams) {
    if (auto alive = stream.lock()) streams.push_back(std::move(alive));
  }
  return streams;
}

}  // namespace

Stream::Stream(const ContextPointer& context, bool blocking)
    : context(context), blocking(blocking), random_(settings().seed + streams_started++) {}

std::shared_ptr<Stream> Stream::start(const ContextPointer& context, bool blocking) {
  const auto stream = std::make_shared<Stream>(context, blocking);
  {
    const std::lock_guard lock(context->mutex);
    std::erase_if(context->streams, [](const auto& other) { return other.expired(); });
    context->streams.push_back(stream);
  }
  // Never joined: it ends with the last work of a closed stream, or with the process.
  std::thread([stream] { stream->work(); }).detach();
  return stream;
}

void Stream::enqueue(Work work) {
  {
    const std::lock_guard lock(context->mutex);
    if (capture_) return capture_->graph->nodes.push_back(std::move(work));
    queue_.push_back(std::move(work));
    enqueued_++;
    context->changed.notify_all();
  }
  if (settings().synchronous) drain();
}

Status Stream::drain() {
  std::unique_lock lock(context->mutex);
  context->changed.wait(lock, [this, target = enqueued_] { return done_ >= target; });
  return context->error;
}

void Stream::close() {
  const std::lock_guard lock(context->mutex);
  closed_ = true;
  context->changed.notify_all();
}

std::shared_ptr<Capture> Stream::set_capture(std::shared_ptr<Capture> capture) {
  const std::lock_guard lock(context->mutex);
  return std::exchange(capture_, std::move(capture));
}

std::shared_ptr<Capture> Stream::capture() const {
  const std::lock_guard lock(context->mutex);
  return capture_;
}

void Stream::work() {
  std::unique_lock lock(context->mutex);
  while (true) {
    context->changed.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (random_.below(kOneIn) == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(random_.below(kMostDelay)));
    }
    if (!context->error) {
      if (const Status result = work()) context->fail(result);
    }
    work = nullptr;
    lock.lock();
    done_++;
    context->changed.notify_all();
  }
}

void drain(PrimaryContext& context) {
  for (const auto& stream : living(context)) stream->drain();
}

void close_streams(PrimaryContext& context) {
  for (const auto& stream : living(context)) stream->close();
  context.default_stream.reset();
  context.thread_streams.clear();
}

void Event::record(const std::shared_ptr<Event>& event, Stream& stream) {
  uint64_t number;
  {
    const std::lock_guard lock(event->context->mutex);
    event->captured = stream.capture_ != nullptr;
    if (event->captured) return;
    number = ++event->recorded;
  }
  stream.enqueue([event, number]() -> Status {
    const std::lock_guard lock(event->context->mutex);
    event->reached = std::max(event->reached, number);
    event->time = std::chrono::steady_clock::now();
    return cuda::kSuccess;
  });
}

Status Event::wait() {
  std::unique_lock lock(context->mutex);
  if (captured) return kCapturedEvent;
  context->changed.wait(
      lock, [this, target = recorded] { return reached >= target || context->error != cuda::kSuccess; });
  return context->error;
}

Status Event::query() const {
  const std::lock_guard lock(context->mutex);
  if (captured) return kCapturedEvent;
  if (const Status broken = context->error) return broken;
  return reached >= recorded ? cuda::kSuccess : cuda::kNotReady;
}

}  // namespace roi::standin
