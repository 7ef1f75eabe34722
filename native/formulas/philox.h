#pragma once

#include <cstdint>

#include "portable.h"

// Philox4x32-10, a generator without a state: four random words from a counter and a key (Salmon et al.,
// Parallel Random Numbers: As Easy as 1, 2, 3, 2011). Test vectors: kat_vectors of Random123.

namespace roi::philox {

struct Words {
  uint32_t x[4];
};

ROI_FORMULA Words words(Words counter, uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  uint32_t* const x = counter.x;
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xD2511F53} * x[0], b = uint64_t{0xCD9E8D57} * x[2];
    const auto high = [](uint64_t product) { return static_cast<uint32_t>(product >> 32); };
    const uint32_t x1 = x[1], x3 = x[3];
    x[0] = high(b) ^ x1 ^ k0, x[1] = static_cast<uint32_t>(b);
    x[2] = high(a) ^ x3 ^ k1, x[3] = static_cast<uint32_t>(a);
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  return counter;
}

/// Those of elements 4·block to 4·block + 3 of a sequence that `seed` tells.
ROI_FORMULA Words of_block(uint64_t block, uint64_t seed) {
  return words({{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}}, seed);
}

}  // namespace roi::philox
