#pragma once

#include <napi.h>

#include <vector>

#include "../backend.h"

namespace roi {

/// The first byte of a buffer, a typed array or a MemoryHandle, after checking that it has exactly `bytes`.
/// `keep` gets a MemoryHandle's memory.
void* address_of(const char* name, Napi::Value value, size_t bytes, std::vector<MemoryRef>* keep);

}  // namespace roi
