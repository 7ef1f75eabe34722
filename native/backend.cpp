#include "backend.h"

namespace roi {

void Backend::add(const float*, const float*, float*, int64_t) {
  throw DeviceError("only the CPU adds arrays of the host");
}

IpcToken Backend::share(const Memory&) {
  throw DeviceError("memory of the CPU cannot be shared with another process");
}

MemoryRef Backend::open_shared(const IpcToken&, size_t, size_t) {
  throw DeviceError("memory of another process can be opened on a GPU only");
}

void Backend::match(const MatchProblem&) { throw DeviceError("boxes are matched on the CPU only"); }

namespace {
constexpr const char* kNoStream = "only a GPU has a stream to capture";
constexpr const char* kNoFloor = "only a GPU's floors are measured in this way";
}  // namespace

void Backend::begin_capture() { throw DeviceError(kNoStream); }
std::shared_ptr<WorkGraph> Backend::end_capture() { throw DeviceError(kNoStream); }
void Backend::launch(const WorkGraph&) { throw DeviceError(kNoStream); }

void Backend::copy(Memory&, const Memory&) { throw DeviceError(kNoFloor); }
void Backend::fill(Memory&) { throw DeviceError(kNoFloor); }
void Backend::launch_nothing() { throw DeviceError(kNoFloor); }
size_t Backend::cache_bytes() { throw DeviceError(kNoFloor); }

}  // namespace roi
