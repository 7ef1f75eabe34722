#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace roi::standin {

/// What the environment says; see README.md.
struct Settings {
  int devices;
  /// Of each device, 75 for 7.5; the last is that of all others too.
  std::vector<int> compute_capabilities;
  int compute_capability(int device) const;
  int driver_version;
  size_t memory_bytes;
  uint64_t seed;
  /// Work is done before the call that enqueues it returns.
  bool synchronous;
  std::string fail, log;
};

/// As they stood at the first call.
const Settings& settings();

}  // namespace roi::standin
