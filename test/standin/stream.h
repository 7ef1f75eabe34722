#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "context.h"
#include "random.h"

namespace roi::standin {

/// Work that a thread of its own does in order, after delays at random, so that a missing wait shows.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Work = std::function<Status()>;

  static std::shared_ptr<Stream> start(const ContextPointer& context);
  explicit Stream(const ContextPointer& context);

  const ContextPointer context;

  void enqueue(Work work);
  /// Waits for what was enqueued before. Returns what has broken the context, if something has.
  Status drain();
  /// No work will come; what was enqueued is still done.
  void close();

 private:
  void work();

  std::deque<Work> queue_;
  uint64_t enqueued_ = 0, done_ = 0;
  bool closed_ = false;
  Random random_;
};

/// Waits for the work of all streams of the context.
void drain(PrimaryContext& context);
/// Closes them all.
void close_streams(PrimaryContext& context);

struct Event {
  explicit Event(const ContextPointer& context) : context(context) {}

  const ContextPointer context;
  /// How often it was recorded, and up to which record the stream has come.
  uint64_t recorded = 0, reached = 0;

  static void record(const std::shared_ptr<Event>& event, Stream& stream);
  /// Waits for the last record.
  Status wait();
};

}  // namespace roi::standin
