#include "images.h"

#ifdef ROI_CUDA_IMAGES

// The assembler takes the files that CMake had nvcc make, so that no compiler has to parse a megabyte of
// numbers.
#define ROI_EMBED(name)                                                                    \
  asm(".section .rodata\n.balign 16\n.hidden roi_image_" #name "\n.globl roi_image_" #name \
      "\nroi_image_" #name                                                                 \
      ":\n"                                                                                \
      ".incbin \"" ROI_CUDA_IMAGES "/step_" #name ".fatbin\"\n.previous\n");               \
  extern "C" const char roi_image_##name[];

ROI_EMBED(float32)
ROI_EMBED(float16)
ROI_EMBED(bfloat16)

namespace roi::cuda {

Image image_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return {"roi_step_float16", roi_image_float16};
    case DType::kBFloat16:
      return {"roi_step_bfloat16", roi_image_bfloat16};
    default:
      return {"roi_step_float32", roi_image_float32};
  }
}
bool has_images() { return true; }

}  // namespace roi::cuda

#else

namespace roi::cuda {

Image image_of(DType) { return {"", nullptr}; }
bool has_images() { return false; }

}  // namespace roi::cuda

#endif
