#pragma once

#include "rows.h"

namespace roi::ROI_SIMD {

/// The mask loss of a RoI where a kind was chosen that has no loop of its own.
MaskLoss mask_loss_of_kinds(const MaskFormula& f, const MaskRow& row);

}  // namespace roi::ROI_SIMD
