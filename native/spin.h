#pragma once

#include <chrono>

namespace roi {

/// Asks `done` again and again, for some 30 µs at most, about as long as it takes to put a thread to sleep
/// and to wake it. Returns whether it was true in the end.
template <class Done>
bool spin_until(Done done) {
  using Clock = std::chrono::steady_clock;
  for (const auto end = Clock::now() + std::chrono::microseconds(30); !done();)
    if (Clock::now() >= end) return false;
  return true;
}

}  // namespace roi
