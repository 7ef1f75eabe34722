#pragma once

namespace roi::cuda {

/// Whether this build has kernels. One without nvcc has none, unless the environment's ROI_LOSS_CUDA_IMAGE
/// names a file.
bool has_kernels();

/// The oldest compute capability that CMakeLists.txt has nvcc build for. PTX serves those newer than all of
/// them.
constexpr int kOldestMajor = 7, kOldestMinor = 5;

/// The image that a GPU of this compute capability loads. Null where there is none for it.
const void* image_for(int major, int minor);

}  // namespace roi::cuda
