#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "context.h"
#include "random.h"

namespace roi::standin {

struct Capture;

/// Work that a thread of its own does in order, after delays at random, so that a missing wait shows.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Work = std::function<Status()>;

  static std::shared_ptr<Stream> start(const ContextPointer& context, bool blocking);
  Stream(const ContextPointer& context, bool blocking);

  const ContextPointer context;
  /// The legacy default stream waits for its work, and it for that stream's.
  const bool blocking;

  void enqueue(Work work);
  /// Waits for what was enqueued before. Returns what has broken the context, if something has.
  Status drain();
  /// No work will come; what was enqueued is still done.
  void close();

  /// Where work is kept instead of being done, if it is; null ends that. Returns what it was before.
  std::shared_ptr<Capture> set_capture(std::shared_ptr<Capture> capture);
  std::shared_ptr<Capture> capture() const;

 private:
  friend struct Event;
  void work();

  std::deque<Work> queue_;
  uint64_t enqueued_ = 0, done_ = 0;
  bool closed_ = false;
  Random random_;
  std::shared_ptr<Capture> capture_;
};

/// Captured work, and the same made ready to be launched.
struct Graph {
  explicit Graph(const ContextPointer& context) : context(context) {}
  const ContextPointer context;
  std::vector<Stream::Work> nodes;
};

struct Capture {
  std::shared_ptr<Graph> graph;
  int mode;
  std::thread::id thread;
  /// Of a stream that the legacy default stream would wait for.
  bool blocking;
  /// Until something is done that a capture does not survive.
  std::atomic<bool> valid = true;
};

/// Waits for the work of all streams of the context.
void drain(PrimaryContext& context);
/// Closes them all.
void close_streams(PrimaryContext& context);

struct Event {
  Event(const ContextPointer& context, bool timed) : context(context), timed(timed) {}

  const ContextPointer context;
  const bool timed;
  /// The last record was captured: nobody can wait for it.
  bool captured = false;
  std::chrono::steady_clock::time_point time;
  /// How often it was recorded, and up to which record the stream has come.
  uint64_t recorded = 0, reached = 0;

  static void record(const std::shared_ptr<Event>& event, Stream& stream);
  /// Waits for the last record.
  Status wait();
  /// Whether the stream has come to it.
  Status query() const;
};

}  // namespace roi::standin
