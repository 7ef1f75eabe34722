#include "images.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace roi::cuda {
namespace {

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return "roi_step_float16";
    case DType::kBFloat16:
      return "roi_step_bfloat16";
    default:
      return "roi_step_float32";
  }
}

}  // namespace
}  // namespace roi::cuda

#ifdef ROI_CUDA_IMAGES

// The assembler takes the files that CMake had nvcc make, so that no compiler has to parse a megabyte of
// numbers.
#define ROI_EMBED(name)                                                                              \
  asm(".section .rodata\n.balign 16\n.hidden roi_image_" #name "\n.globl roi_image_" #name           \
      "\nroi_image_" #name ":\n.incbin \"" ROI_CUDA_IMAGES "/step_" #name ".fatbin\"\n.previous\n"); \
  extern "C" const char roi_image_##name[];

ROI_EMBED(float32)
ROI_EMBED(float16)
ROI_EMBED(bfloat16)

namespace roi::cuda {

bool has_images() { return true; }

Image image_of(DType dtype) {
  const void* const data = dtype == DType::kFloat16    ? roi_image_float16
                           : dtype == DType::kBFloat16 ? roi_image_bfloat16
                                                       : roi_image_float32;
  return {name_of(dtype), data};
}

}  // namespace roi::cuda

#else

namespace roi::cuda {
namespace {

/// The file that ROI_LOSS_CUDA_IMAGE names: the stand-in of the tests has the kernels itself, and is content
/// with an image that holds none.
const std::vector<char>& file_image() {
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
  return image;
}

}  // namespace

bool has_images() { return !file_image().empty(); }

Image image_of(DType dtype) { return {name_of(dtype), file_image().data()}; }

}  // namespace roi::cuda

#endif
