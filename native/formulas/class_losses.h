#pragma once

#include "cross_entropy.h"

namespace roi {

/// The class losses; one of them is chosen.
using ClassLosses = Kinds<Softmax>;

}  // namespace roi
