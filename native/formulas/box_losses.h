#pragma once

#include "smooth_l1.h"

namespace roi {

/// The box losses; one of them is chosen.
using BoxLosses = Kinds<SmoothL1>;

}  // namespace roi
