#pragma once

#include <optional>

#include "problem.h"

namespace roi {

/// The first bad label, or the first of what no target can be made of, if there is one. All of it is in the
/// host's memory.
std::optional<BadInput> find_bad_input(const Problem& problem);

}  // namespace roi
