#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <sstream>

namespace roi::standin {

namespace {

std::string text(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

uint64_t number(const char* name, uint64_t otherwise) {
  const std::string value = text(name);
  return value.empty() ? otherwise : std::stoull(value);
}

std::vector<int> numbers(const char* name, const char* otherwise) {
  const std::string value = text(name);
  std::istringstream items(value.empty() ? otherwise : value);
  std::vector<int> numbers;
  for (std::string item; std::getline(items, item, ',');) numbers.push_back(std::stoi(item));
  return numbers;
}

}  // namespace

int Settings::compute_capability(int device) const {
  return compute_capabilities[std::min(static_cast<size_t>(device), compute_capabilities.size() - 1)];
}

const Settings& settings() {
  // Never destroyed: streams may still run when the process exits.
  static const Settings& settings = *new Settings{
      .devices = static_cast<int>(number("ROI_STANDIN_DEVICES", 2)),
      .compute_capabilities = numbers("ROI_STANDIN_CC", "90"),
      .driver_version = static_cast<int>(number("ROI_STANDIN_DRIVER_VERSION", 13000)),
      .memory_bytes = number("ROI_STANDIN_MEM_MB", 4096) << 20,
      .seed = number("ROI_STANDIN_SEED", std::random_device{}()),
      .synchronous = number("ROI_STANDIN_SYNC", 0) != 0,
      .fail = text("ROI_STANDIN_FAIL"),
      .log = text("ROI_STANDIN_LOG"),
  };
  return settings;
}

}  // namespace roi::standin
