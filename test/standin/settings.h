#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace roi::standin {

/// What the environment says; see README.md.
struct Settings {
  int devices;
  int driver_version;
  size_t memory_bytes;
  uint64_t seed;
  std::string fail, log;
};

/// As they stood at the first call.
const Settings& settings();

}  // namespace roi::standin
