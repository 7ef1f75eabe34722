#include "step_queue.h"

#include "thread_name.h"

namespace roi {

void StepQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StepQueue::submit(StepRef step) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.size() < kMaxQueued; });
  if (!is_working_) {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this] { work(); });
    set_name(thread_, "roi-loss-steps");
    is_working_ = true;
  }
  queue_.push_back(std::move(step));
  changed_.notify_all();
}

void StepQueue::synchronize() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.empty(); });
}

bool StepQueue::is_idle() {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

void StepQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, kIdle, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) {
      is_working_ = false;
      return;
    }
    const StepRef step = queue_.front();
    lock.unlock();
    run_(*step);
    lock.lock();
    queue_.pop_front();
    changed_.notify_all();
    // After the step has left the queue: whoever is told may submit or synchronize at once.
    lock.unlock();
    step->on_done();
    lock.lock();
  }
}

}  // namespace roi
