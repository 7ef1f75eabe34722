#include "image.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#ifdef ROI_CUDA_IMAGES

#include "images.h"

// The assembler takes the files that CMake made, so that no compiler has to parse a megabyte of numbers.
// clang-format off
#define ROI_SYMBOL(name) ".hidden " name "\n.globl " name "\n" name ":\n"
#define ROI_EMBED(name) \
  asm(".section .rodata\n" \
      ROI_SYMBOL("roi_image_" #name) ".incbin \"" ROI_CUDA_IMAGES "/" #name ".fatbin.br\"\n" \
      ROI_SYMBOL("roi_image_end_" #name) ".previous\n"); \
  extern "C" const char roi_image_##name[], roi_image_end_##name[];
ROI_IMAGES(ROI_EMBED)
// clang-format on

#endif

namespace roi::cuda {
namespace {

/// What an image holds for one compute capability, as 90 for 9.0.
struct Code {
  Image image;
  int toolkit;  ///< the version of CUDA that made it, as a driver tells its own
  int capability;
  bool is_ptx;  ///< for the driver to compile

  /// Machine code runs on its own generation, as of its own minor version; PTX as of its own generation.
  bool suits(int gpu) const { return gpu >= capability && (is_ptx || gpu / 10 == capability / 10); }
  /// The driver that it takes. Machine code runs under all drivers of the toolkit's major version.
  int least_driver() const { return is_ptx ? toolkit : toolkit / 1000 * 1000; }
};

#ifdef ROI_CUDA_IMAGES

const std::vector<Code>& all_code() {
#define ROI_ENTRY(name, toolkit, capability, is_ptx) \
  {{roi_image_##name, roi_image_end_##name, true}, toolkit, capability, is_ptx},
  static const std::vector<Code> code{ROI_CODE(ROI_ENTRY)};
#undef ROI_ENTRY
  return code;
}

#else

std::vector<char> read_file(const char* path) {
  std::vector<char> bytes;
  std::FILE* file = path ? std::fopen(path, "rb") : nullptr;
  if (!file) return bytes;
  char piece[4096];
  while (const size_t n = std::fread(piece, 1, sizeof piece, file))
    bytes.insert(bytes.end(), piece, piece + n);
  std::fclose(file);
  return bytes;
}

/// The stand-in of the tests has the kernels itself, and is content with an image that holds none. It goes
/// for one that CUDA 13 made for all GPUs.
const std::vector<Code>& all_code() {
  static const std::vector<char> image = read_file(std::getenv("ROI_LOSS_CUDA_IMAGE"));
  static const std::vector<Code> code(image.empty() ? 0 : 1,
                                      {{image.data(), image.data() + image.size(), false}, 13000, 75, true});
  return code;
}

#endif

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

/// With the first driver of a major version of CUDA by its own number.
std::string driver_text(int version) {
  const char* driver = version == 11000   ? "450"
                       : version == 12000 ? "525"
                       : version == 13000 ? "580"
                                          : nullptr;
  return "CUDA " + version_text(version) + (driver ? std::string(" (driver ") + driver + " or newer)" : "");
}

}  // namespace

bool has_kernels() { return !all_code().empty(); }

const Image& image_for(int major, int minor, int driver) {
  const int gpu = major * 10 + minor;
  const Code* suitable = nullptr;
  for (const Code& code : all_code()) {
    if (!code.suits(gpu)) continue;
    if (driver >= code.least_driver()) return code.image;
    if (!suitable || code.least_driver() < suitable->least_driver()) suitable = &code;
  }
  if (!suitable) throw no_kernels_for(major, minor);
  throw Unavailable("the NVIDIA driver is too old: it supports CUDA " + version_text(driver) +
                    ", the kernels for compute capability " + capability_text(gpu) + " need " +
                    driver_text(suitable->least_driver()));
}

Unavailable no_kernels_for(int major, int minor) {
  const auto by_capability = [](const Code& a, const Code& b) { return a.capability < b.capability; };
  const auto oldest = std::min_element(all_code().begin(), all_code().end(), by_capability);
  return Unavailable("there are no kernels for compute capability " + capability_text(major * 10 + minor) +
                     "; this build has them for " + capability_text(oldest->capability) + " and newer");
}

}  // namespace roi::cuda
