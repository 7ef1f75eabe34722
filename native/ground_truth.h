#pragma once

#include <optional>

#include "problem.h"

namespace roi {

/// The first of what no target can be made of, if there is such: an offset of polygons that is not in order,
/// an object without rings, a point that is not finite; and of a foreground RoI a match that is no object, or
/// a proposal that is no box. The labels are right, and all of it is in the host's memory.
std::optional<BadInput> find_bad_object(const Problem& problem);

}  // namespace roi
