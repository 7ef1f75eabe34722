#pragma once

#include <functional>
#include <vector>

#include "driver.h"

namespace roi::cuda {

/// A fatbin.
struct Image {
  const char *begin, *end;
  bool is_packed;  ///< compressed by Brotli
};

/// Unpacks what Brotli compressed. The addon has Node do it.
using Unpack = std::function<std::vector<char>(const char* begin, const char* end)>;

/// Whether this build has kernels. One without nvcc has none, unless the environment's ROI_LOSS_CUDA_IMAGE
/// names a file.
bool has_kernels();

/// The image whose kernels run on a GPU of that compute capability under a driver that supports CUDA
/// `driver`, as 13000 for 13.0. Throws Unavailable where there is none, and says which GPUs or which driver
/// the kernels need. Only for a build that has kernels.
const Image& image_for(int major, int minor, int driver);

/// The error that a GPU of that compute capability has none, whatever the driver.
Unavailable no_kernels_for(int major, int minor);

}  // namespace roi::cuda
