#include "thread_pool.h"

#include <chrono>
#include <system_error>

namespace roi {
namespace {

/// How long a thread looks out for what it waits for before it sleeps.
constexpr std::chrono::microseconds kLookout(50);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whether `condition` came true meanwhile.
template <class Condition>
bool look_out(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kLookout;
  do {
    for (int i = 0; i < 32; i++) {
      if (condition()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t chunks, const void* body, Call call) {
  if (threads_ == 1 || chunks == 1) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) call(body, chunk, 0);
    return;
  }
  start_workers();
  {
    const std::lock_guard lock(mutex_);
    body_ = body;
    call_ = call;
    chunks_ = chunks;
    next_.store(0, std::memory_order_relaxed);
    open_ = true;
    job_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  take_chunks(0);
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  const auto all_left = [&] { return active_.load(std::memory_order_acquire) == 0; };
  if (look_out(all_left)) return;
  std::unique_lock lock(mutex_);
  finished_.wait(lock, all_left);
}

// Started at the first job that is worth it: most processes that load the addon never need them.
void ThreadPool::start_workers() {
  if (!workers_.empty()) return;
  workers_.reserve(static_cast<size_t>(threads_ - 1));
  try {
    for (int thread = 1; thread < threads_; thread++) workers_.emplace_back([this, thread] { work(thread); });
  } catch (const std::system_error&) {
    // The system grants no more threads; those there are, and the caller, do the work.
  }
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  const auto is_new = [&] { return job_.load(std::memory_order_acquire) != seen; };
  while (true) {
    look_out(is_new);
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || is_new(); });
      if (stopping_) return;
      seen = job_.load(std::memory_order_relaxed);
      if (!open_) continue;
      active_.fetch_add(1, std::memory_order_relaxed);
    }
    take_chunks(thread);
    const std::lock_guard lock(mutex_);
    if (active_.fetch_sub(1, std::memory_order_release) == 1) finished_.notify_one();
  }
}

void ThreadPool::take_chunks(int thread) {
  for (int64_t chunk; (chunk = next_.fetch_add(1, std::memory_order_relaxed)) < chunks_;)
    call_(body_, chunk, thread);
}

}  // namespace roi
