#include "thread_pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <chrono>
#include <system_error>

#include "../thread_name.h"

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

/// The CPUs that this process may run on.
unsigned usable_cpus() {
#if defined(__linux__)
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) return static_cast<unsigned>(CPU_COUNT(&cpus));
#endif
  return std::max(std::thread::hardware_concurrency(), 1u);
}

}  // namespace

std::shared_ptr<ThreadPool> ThreadPool::shared() {
  static std::mutex mutex;
  static std::weak_ptr<ThreadPool> pool;
  const std::lock_guard lock(mutex);
  auto held = pool.lock();
  if (!held) pool = held = std::make_shared<ThreadPool>();
  return held;
}

ThreadPool::ThreadPool() : most_workers_(usable_cpus() - 1) { workers_.reserve(most_workers_); }

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int threads, int64_t chunks, const void* body, Call call) {
  const int64_t most = std::min({int64_t{threads} - 1, chunks - 1, static_cast<int64_t>(most_workers_)});
  if (most <= 0) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) call(body, chunk, 0);
    return;
  }
  const int helpers = static_cast<int>(most);
  Job job{body, call, chunks, helpers};
  size_t workers;
  {
    const std::lock_guard lock(mutex_);
    start_workers(static_cast<size_t>(helpers));
    workers = workers_.size();
    job.behind = first_;
    first_ = &job;
    open_seats_.fetch_add(helpers, std::memory_order_release);
  }
  if (static_cast<size_t>(helpers) >= workers)
    wake_.notify_all();
  else
    for (int i = 0; i < helpers; i++) wake_.notify_one();
  job.take_chunks(0);
  {
    const std::lock_guard lock(mutex_);
    if (job.seats > 0) {
      open_seats_.fetch_sub(job.seats, std::memory_order_relaxed);
      unlink(job);
    }
  }
  const auto all_left = [&] { return job.active.load(std::memory_order_acquire) == 0; };
  if (look_out(all_left)) return;
  std::unique_lock lock(mutex_);
  finished_.wait(lock, all_left);
}

// Started at the first job that is worth it: most processes that load the addon never need them.
void ThreadPool::start_workers(size_t count) {
  try {
    while (workers_.size() < count) set_name(workers_.emplace_back([this] { work(); }), "roi-loss");
  } catch (const std::system_error&) {
    // The system grants no more threads; those there are, and the caller, do the work.
  }
}

void ThreadPool::unlink(const Job& job) {
  Job** at = &first_;
  while (*at != &job) at = &(*at)->behind;
  *at = job.behind;
}

void ThreadPool::work() {
  const auto has_seat = [&] { return open_seats_.load(std::memory_order_acquire) > 0; };
  while (true) {
    look_out(has_seat);
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stopping_ || has_seat(); });
    if (stopping_) return;
    Job& job = *first_;
    const int thread = ++job.joined;
    job.active.fetch_add(1, std::memory_order_relaxed);
    open_seats_.fetch_sub(1, std::memory_order_relaxed);
    if (--job.seats == 0) unlink(job);
    lock.unlock();
    job.take_chunks(thread);
    lock.lock();
    // The job may be gone as soon as nobody is active in it.
    if (job.active.fetch_sub(1, std::memory_order_release) == 1) finished_.notify_all();
  }
}

}  // namespace roi
