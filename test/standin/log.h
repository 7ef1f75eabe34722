#pragma once

#include <cstdint>
#include <string>

namespace roi::standin {

/// Tells of something that a GPU would not have survived, or would have survived by luck.
void report(const std::string& finding);

void count_launch(uint64_t blocks);

/// "launches", "blocks" or "findings"; 0 for another.
uint64_t count_of(const std::string& what);

}  // namespace roi::standin
