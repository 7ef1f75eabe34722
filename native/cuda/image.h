#pragma once

namespace roi::cuda {

/// The kernels as nvcc made them, for all architectures. Null in a build without nvcc, unless the
/// environment's ROI_LOSS_CUDA_IMAGE names a file.
const void* image();

}  // namespace roi::cuda
