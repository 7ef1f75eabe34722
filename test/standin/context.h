#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "memory.h"
#include "settings.h"

namespace roi::standin {

class Stream;

/// The primary context of a device: from its first retain to its last release.
struct PrimaryContext {
  explicit PrimaryContext(int device) : device(device), memory(settings().memory_bytes) {}

  const int device;
  int retained = 0;
  std::atomic<bool> destroyed = false;
  /// What broke it; from then on every call says so.
  std::atomic<Status> error = cuda::kSuccess;
  Memory memory;

  /// Guards the queues of all its streams.
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::weak_ptr<Stream>> streams;
  std::shared_ptr<Stream> default_stream;
  std::map<std::thread::id, std::shared_ptr<Stream>> thread_streams;

  void fail(Status result) {
    Status none = cuda::kSuccess;
    error.compare_exchange_strong(none, result);
  }
};

using ContextPointer = std::shared_ptr<PrimaryContext>;

}  // namespace roi::standin
