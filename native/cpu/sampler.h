#pragma once

#include <vector>

#include "../sampling.h"

namespace roi {

/// The RoIs that are taken, in ascending order.
std::vector<int32_t> sample(const SampleProblem& problem);

}  // namespace roi
