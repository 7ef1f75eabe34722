#include "image.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#ifdef ROI_CUDA_IMAGES

// The assembler takes the file that CMake had nvcc make, so that no compiler has to parse a megabyte of
// numbers.
asm(".section .rodata\n.balign 16\n.hidden roi_image\n.globl roi_image\nroi_image:\n.incbin "
    "\"" ROI_CUDA_IMAGES "/step.fatbin\"\n.previous\n");
extern "C" const char roi_image[];

namespace roi::cuda {

static const void* image() { return roi_image; }

}  // namespace roi::cuda

#else

namespace roi::cuda {

/// The stand-in of the tests has the kernels itself, and is content with an image that holds none.
static const void* image() {
  static const std::vector<char> image = [] {
    std::vector<char> bytes;
    const char* path = std::getenv("ROI_LOSS_CUDA_IMAGE");
    std::FILE* file = path ? std::fopen(path, "rb") : nullptr;
    if (!file) return bytes;
    char piece[4096];
    while (const size_t n = std::fread(piece, 1, sizeof piece, file))
      bytes.insert(bytes.end(), piece, piece + n);
    std::fclose(file);
    return bytes;
  }();
  return image.empty() ? nullptr : image.data();
}

}  // namespace roi::cuda

#endif

namespace roi::cuda {

bool has_kernels() { return image() != nullptr; }

const void* image_for(int major, int minor) {
  const bool has_one = major > kOldestMajor || (major == kOldestMajor && minor >= kOldestMinor);
  return has_one ? image() : nullptr;
}

}  // namespace roi::cuda
