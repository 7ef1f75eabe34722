#pragma once

#include "results.h"

// The stand-in's functions, under the names that the table of driver functions gives them. Their parameters
// are checked against it: one that differs is not exported.

namespace roi::standin {

using namespace cuda;

#define ROI_EXPORT(member, name, parameters) \
  __attribute__((visibility("default"))) Status member parameters __asm__(name);
ROI_DRIVER_FUNCTIONS(ROI_EXPORT)
ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_EXPORT)
#undef ROI_EXPORT

// For tests.

/// What is to fail from now on, as ROI_STANDIN_FAIL says it. 0 if it is not that.
extern "C" __attribute__((visibility("default"))) int roi_standin_fail(const char* what);

/// How many there are of "contexts", "modules", "streams", "events", "graphs", "allocations", "host
/// allocations"; were of "launches", "blocks", "findings"; how often a function of the driver was called; or
/// the "capture mode" of the calling thread.
extern "C" __attribute__((visibility("default"))) long long roi_standin_count(const char* what);

/// Memory as a VMM allocator maps it, in pieces into a larger range of addresses: each piece is told of for
/// itself, and there are no handles of it for other processes. Freed with the device's context; 0 if there is
/// none.
extern "C" __attribute__((visibility("default"))) DevicePointer roi_standin_map(int device, size_t bytes,
                                                                                size_t piece);

/// Where the bytes at a device address are, past all checks; null outside of allocations.
extern "C" __attribute__((visibility("default"))) void* roi_standin_bytes(DevicePointer address);

}  // namespace roi::standin
