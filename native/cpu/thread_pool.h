#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace roi {

/// Runs the chunks of jobs over threads, the caller's included. Threads take chunks as they come; a result
/// must not depend on which thread took which. All devices of the process share one pool: under a test
/// runner, whose every file opens devices, pools of their own would add up.
///
/// A step takes some ten microseconds, as long as it takes to wake a thread. So the caller waits only for
/// threads that have begun, and a thread that waits, for a job or for the last chunks, spins for a moment
/// before it sleeps. Spinning is good where a CPU is free for it and ruinous where it keeps others from their
/// work: the pool never has more threads than CPUs that the process may run on.
class ThreadPool {
 public:
  /// The pool of the process.
  static std::shared_ptr<ThreadPool> shared();

  ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Calls body(chunk, thread) for each chunk in [0, chunks), with thread in [0, threads), and returns when
  /// all are done. Wakes no more threads than there are chunks. `body` must not throw. Several threads may
  /// call this at once.
  template <class Body>
  void run(int threads, int64_t chunks, const Body& body) {
    run(threads, chunks, &body,
        [](const void* b, int64_t chunk, int thread) { (*static_cast<const Body*>(b))(chunk, thread); });
  }

 private:
  using Call = void (*)(const void* body, int64_t chunk, int thread);

  struct Job {
    const void* body;
    Call call;
    int64_t chunks;
    int seats;                     ///< workers that may join; by the mutex
    int joined = 0;                ///< those that have; by the mutex
    std::atomic<int> active{0};    ///< those that have and have not left; falls by the mutex
    std::atomic<int64_t> next{0};  ///< chunk
    Job* behind = nullptr;         ///< of the jobs with open seats, the next one; by the mutex

    void take_chunks(int thread) {
      for (int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;)
        call(body, chunk, thread);
    }
  };

  void run(int threads, int64_t chunks, const void* body, Call call);
  void start_workers(size_t count);
  /// Takes a job from those with open seats.
  void unlink(const Job& job);
  void work();

  const size_t most_workers_;
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> workers_;
  Job* first_ = nullptr;            // of the jobs with open seats
  std::atomic<int> open_seats_{0};  // of all of them
  bool stopping_ = false;
};

}  // namespace roi
