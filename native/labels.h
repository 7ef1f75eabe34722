#pragma once

#include <optional>

#include "problem.h"

namespace roi {

/// The first bad label, if there is one. The labels are in the host's memory.
std::optional<BadInput> find_bad_label(const Problem& problem);

}  // namespace roi
