#pragma once

#include "../problem.h"

namespace roi::cuda {

/// The kernels of an element type as nvcc made them, for all architectures. Null in a build without nvcc,
/// unless the environment's ROI_LOSS_CUDA_IMAGE names a file.
struct Image {
  const char* step;  ///< the entry point's name
  const void* data;
};
Image image_of(DType dtype);
bool has_images();

}  // namespace roi::cuda
