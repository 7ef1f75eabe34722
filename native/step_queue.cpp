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

bool StepQueue::has_unreported() {
  const std::lock_guard lock(mutex_);
  return bad_input_ && !bad_input_->reported;
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
    // What nobody was told of comes with the next wait for the device itself, which is a step without terms.
    if (step->result.bad_input)
      bad_input_ = step->bad_input = std::make_shared<BadInputReport>(*step->result.bad_input);
    else if (!step->problem.has_terms())
      step->bad_input = bad_input_;
    queue_.pop_front();
    changed_.notify_all();
    // After the step has left the queue: whoever is told may submit or synchronize at once.
    lock.unlock();
    step->on_done();
    lock.lock();
  }
}

}  // namespace roi
