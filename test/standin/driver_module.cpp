#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "exports.h"
#include "runner.h"
#include "state.h"

// Modules and launches.

namespace roi::standin {

namespace {

constexpr unsigned kMostBlocks = 0x7fffffff;
/// As __launch_bounds__ of the kernels promises.
constexpr int kBlocksPerMultiprocessor = 4;

std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel>& kernels = *new std::map<std::string, Kernel>;
  return kernels;
}

/// What a fatbin begins with.
struct FatbinHeader {
  uint32_t magic;
  uint16_t version, header_bytes;
  uint64_t bytes;
};
constexpr uint32_t kFatbinMagic = 0xba55ed50;

/// What stands before each piece of code in a fatbin.
struct FatbinEntry {
  uint16_t kind, version;
  uint32_t header_bytes;
  uint64_t bytes;
  uint32_t unused[3], capability;
};
constexpr uint16_t kPtx = 1;

/// Whether a GPU of that compute capability finds code for itself. A fatbin without any code passes for one
/// that has it.
bool has_code_for(int gpu, const void* fatbin) {
  FatbinHeader header;
  std::memcpy(&header, fatbin, sizeof header);
  const char *at = static_cast<const char*>(fatbin) + header.header_bytes, *const end = at + header.bytes;
  bool is_empty = true;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof(FatbinEntry))) {
    FatbinEntry entry;
    std::memcpy(&entry, at, sizeof entry);
    if (entry.header_bytes < sizeof entry) break;
    is_empty = false;
    const int capability = static_cast<int>(entry.capability);
    if (gpu >= capability && (entry.kind == kPtx || gpu / 10 == capability / 10)) return true;
    at += entry.header_bytes + entry.bytes;
  }
  return is_empty;
}

/// Whether the image may be loaded: one of the package's own where the build said which those are, else any
/// fatbin.
bool is_image(const void* image) {
  FatbinHeader header;
  std::memcpy(&header, image, sizeof header.magic);
  if (header.magic != kFatbinMagic) return false;
#ifdef ROI_STANDIN_IMAGES
  std::memcpy(&header, image, sizeof header);
  for (const auto& entry : std::filesystem::directory_iterator(ROI_STANDIN_IMAGES)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> own{std::istreambuf_iterator<char>(file), {}};
    const bool same_size = own.size() == header.header_bytes + header.bytes;
    if (same_size && std::memcmp(own.data(), image, own.size()) == 0) return true;
  }
  return false;
#else
  return true;
#endif
}

std::atomic<uint32_t> launches;

}  // namespace

Registration::Registration(const Kernel& kernel) { kernels().emplace(kernel.name, kernel); }

Status module_load(cuda::Module* module, const void* image) {
  return in_context(Call::module_load, [&](const ContextPointer& context) -> Status {
    if (!image) return kInvalidValue;
    if (!is_image(image)) return kInvalidImage;
    if (!has_code_for(settings().compute_capability(context->device), image)) return kNoBinaryForGpu;
    auto loaded = std::make_shared<Module>(context);
    for (const auto& [name, kernel] : kernels()) loaded->functions[name] = {context.get(), &kernel};
    *module = driver_state().modules.add<cuda::Module>(std::move(loaded));
    return kSuccess;
  });
}

Status module_unload(cuda::Module module) {
  return in_any_context(Call::module_unload, [&](const ContextPointer&) -> Status {
    return driver_state().modules.remove(module) ? kSuccess : kInvalidHandle;
  });
}

Status module_function(cuda::Function* function, cuda::Module module, const char* name) {
  return in_context(Call::module_function, [&](const ContextPointer&) -> Status {
    const auto loaded = driver_state().modules.find(module);
    if (!loaded) return kInvalidHandle;
    const auto found = loaded->functions.find(name);
    if (found == loaded->functions.end()) return kNotFound;
    *function = reinterpret_cast<cuda::Function>(&found->second);
    return kSuccess;
  });
}

Status occupancy(int* blocks, cuda::Function function, int block_size, size_t shared_bytes) {
  return in_context(Call::occupancy, [&](const ContextPointer&) -> Status {
    if (!function || block_size <= 0) return kInvalidValue;
    const bool fits =
        block_size <= static_cast<int>(kMostThreads) && shared_bytes <= SharedMemory::kMostBytes;
    *blocks = fits ? kBlocksPerMultiprocessor : 0;
    return kSuccess;
  });
}

Status launch(cuda::Function handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
              unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamHandle stream_handle,
              void** arguments, void** extra) {
  return in_context(Call::launch, [&](const ContextPointer& context) -> Status {
    const auto* const function = reinterpret_cast<const Function*>(handle);
    const auto stream = stream_of(context, stream_handle);
    if (!function || !stream || function->context != context.get()) return kInvalidHandle;
    const bool is_flat = grid_y == 1 && grid_z == 1 && block_y == 1 && block_z == 1;
    const bool has_size = grid_x > 0 && grid_x <= kMostBlocks && block_x > 0;
    if (!is_flat || !has_size || shared_bytes > SharedMemory::kMostBytes || !arguments || extra) {
      return kInvalidValue;
    }
    if (block_x > kMostThreads) return kLaunchOutOfResources;
    const Kernel& kernel = *function->kernel;
    const bool is_captured = stream->capture() != nullptr;
    Launch launch{&kernel, {}, grid_x, block_x, shared_bytes, is_captured ? 0 : ++launches};
    launch.params.resize((kernel.params_bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t));
    std::memcpy(launch.params.data(), arguments[0], kernel.params_bytes);
    stream->enqueue([context, launch = std::move(launch)]() mutable {
      // Each time that a graph runs it is another launch.
      if (launch.number == 0) launch.number = ++launches;
      return run(launch, context->memory);
    });
    return kSuccess;
  });
}

}  // namespace roi::standin
