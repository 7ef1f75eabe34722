#include "thread_pool.h"

#include <system_error>

namespace roi {

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t chunks, const void* body, Call call) {
  body_ = body;
  call_ = call;
  chunks_ = chunks;
  next_.store(0, std::memory_order_relaxed);
  if (threads_ == 1 || chunks == 1) {
    take_chunks(0);
    return;
  }
  start_workers();
  {
    const std::lock_guard lock(mutex_);
    job_++;
    busy_ = static_cast<int>(workers_.size());
  }
  wake_.notify_all();
  take_chunks(0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return busy_ == 0; });
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
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || job_ != seen; });
    if (stopping_) return;
    seen = job_;
    lock.unlock();
    take_chunks(thread);
    lock.lock();
    if (--busy_ == 0) finished_.notify_one();
  }
}

void ThreadPool::take_chunks(int thread) {
  for (int64_t chunk; (chunk = next_.fetch_add(1, std::memory_order_relaxed)) < chunks_;)
    call_(body_, chunk, thread);
}

}  // namespace roi
