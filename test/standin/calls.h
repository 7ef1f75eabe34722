#pragma once

#include <cstdint>

#include "results.h"

// Every call is counted, and any can be made to fail.

namespace roi::standin {

enum class Call {
#define ROI_CALL(member, name, parameters) member,
  ROI_DRIVER_FUNCTIONS(ROI_CALL) ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_CALL)
#undef ROI_CALL
};

/// Counts the call; not a success if it is to fail.
Status enter(Call call);

/// Not a success if the call is one of those that a capture under way does not allow, and then ends.
Status check_captures(Call call);

/// How strictly captures of others forbid the calling thread's calls.
int mode_of_thread();

/// From now on, what is to fail: "cuMemAlloc_v2:3=2" makes the third call from now return 2; "*" instead of
/// the number means every call, a comma separates several. False if it is not that.
bool fail(const char* what);

/// How often a function, by its exported name, was called.
uint64_t calls_of(const char* name);

}  // namespace roi::standin
