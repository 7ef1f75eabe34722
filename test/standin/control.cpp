#include <string>

#include "exports.h"
#include "log.h"
#include "state.h"

// What tests ask of the stand-in itself.

namespace roi::standin {

int roi_standin_fail(const char* what) { return fail(what) ? 1 : 0; }

long long roi_standin_count(const char* what) {
  DriverState& state = driver_state();
  const std::string name = what;
  size_t contexts = 0, allocations = 0, host_allocations = 0;
  {
    const std::lock_guard lock(state.mutex);
    for (const auto& [device, primary] : state.primaries) {
      if (!primary) continue;
      contexts++;
      allocations += primary->memory.count(false);
      host_allocations += primary->memory.count(true);
    }
  }
  const std::map<std::string, size_t> living = {{"contexts", contexts},
                                                {"allocations", allocations},
                                                {"host allocations", host_allocations},
                                                {"modules", state.modules.size()},
                                                {"streams", state.streams.size()},
                                                {"events", state.events.size()},
                                                {"graphs", state.graphs.size() + state.graph_execs.size()},
                                                {"capture mode", mode_of_thread()}};
  const auto found = living.find(name);
  if (found != living.end()) return static_cast<long long>(found->second);
  return static_cast<long long>(count_of(name) + calls_of(what));
}

DevicePointer roi_standin_map(int device, size_t bytes, size_t piece) {
  DriverState& state = driver_state();
  const std::lock_guard lock(state.mutex);
  const auto primary = state.primaries.find(device);
  DevicePointer base = 0;
  if (primary != state.primaries.end() && primary->second) primary->second->memory.map(bytes, piece, &base);
  return base;
}

void* roi_standin_bytes(DevicePointer address) {
  DriverState& state = driver_state();
  const std::lock_guard lock(state.mutex);
  for (const auto& [device, primary] : state.primaries) {
    if (!primary) continue;
    if (const auto allocation = primary->memory.find(address)) return allocation->at(address);
  }
  return nullptr;
}

}  // namespace roi::standin
