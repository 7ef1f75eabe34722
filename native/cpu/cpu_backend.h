#pragma once

#include <memory>

#include "../backend.h"

namespace roi {

/// `simd` names an instruction set ("avx512", "avx2", "baseline"), null is the best this machine has.
/// Throws DeviceError if the machine lacks it.
std::shared_ptr<Backend> make_cpu_backend(int threads, const char* simd);

}  // namespace roi
