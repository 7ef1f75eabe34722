#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace roi {

/// Runs the chunks of one job at a time over a fixed number of threads, the caller's included. Threads take
/// chunks as they come; a result must not depend on which thread took which. Steps take some ten
/// microseconds, as long as it takes to wake a thread: the caller waits for nobody who has not begun, and who
/// waits for the next job or for the last chunks looks out for a moment before it sleeps.
class ThreadPool {
 public:
  explicit ThreadPool(int threads) : threads_(threads) {}
  ~ThreadPool();

  int threads() const { return threads_; }

  /// Calls body(chunk, thread) for each chunk in [0, chunks), with thread in [0, threads()), and returns when
  /// all are done. `body` must not throw.
  template <class Body>
  void run(int64_t chunks, const Body& body) {
    run(chunks, &body,
        [](const void* b, int64_t chunk, int thread) { (*static_cast<const Body*>(b))(chunk, thread); });
  }

 private:
  using Call = void (*)(const void* body, int64_t chunk, int thread);

  void run(int64_t chunks, const void* body, Call call);
  void start_workers();
  void work(int thread);
  void take_chunks(int thread);

  const int threads_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::atomic<uint64_t> job_{0};  // counts jobs, so that a worker sees a new one
  std::atomic<int> active_{0};    // workers that have joined the job and not left it
  bool open_ = false;             // whether workers may join
  bool stopping_ = false;

  const void* body_ = nullptr;
  Call call_ = nullptr;
  int64_t chunks_ = 0;
  std::atomic<int64_t> next_{0};
};

}  // namespace roi
