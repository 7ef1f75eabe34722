#pragma once

#include <memory>

#include "../backend.h"
#include "image.h"

namespace roi {

/// The GPU of that number. `stream` is a CUstream of its primary context to enqueue on, 0 for one of the
/// backend's own. Throws DeviceError with the reason where there is no such GPU.
std::shared_ptr<Backend> make_cuda_backend(int ordinal, uint64_t stream, const cuda::Unpack& unpack);

}  // namespace roi
