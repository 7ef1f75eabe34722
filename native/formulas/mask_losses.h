#pragma once

#include "bce.h"
#include "dice.h"
#include "smoothed_bce.h"
#include "tversky.h"

// The mask losses. A kind is a struct in a header of its own, with
//
//   kName, kOptions   its name, and its options with their defaults and ranges
//   kSums             how many sums over a RoI's pixels its loss is made of
//   add               what a pixel adds to each of them
//   value             the loss of a RoI, from the sums and the number of pixels
//   slope             what the derivative needs to know of the sums, times `scale`
//   derivative        of the loss, by the logit of a pixel
//
// Where nothing cancels in them, and no sum can overflow, the results are as exact as those of the others.

namespace roi {

/// The list; a new kind is a line here.
using MaskLosses = Kinds<  //
    Bce,                   //
    SmoothedBce,           //
    Dice,                  //
    Tversky>;

/// Those that have loops of their own, on every device, for steps that choose no other kind.
using MaskLossesWithLoops = Kinds<Bce, SmoothedBce, Dice>;

/// Whether any of the others was chosen.
inline bool needs_general_loop(const MaskLosses::As<double>& kinds) {
  bool needs = false;
  MaskLosses::each([&](auto kind) {
    using K = decltype(kind);
    needs = needs || (!MaskLossesWithLoops::has<K> && kinds.of<K>().weight != 0);
  });
  return needs;
}

}  // namespace roi
