#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../exports.h"
#include "kernels.h"

// A device with its context, a module and a stream, as the addon makes them.

namespace roi::standin {

inline const char* name_of(Status result) {
  const char* name = "?";
  error_name(result, &name);
  return name;
}

inline void expect(Status result, const char* doing) {
  if (result == kSuccess) return;
  std::fprintf(stderr, "%s: %s\n", doing, name_of(result));
  std::exit(2);
}
#define ROI_EXPECT(call) ::roi::standin::expect(call, #call)

struct Session {
  explicit Session(int device = 0) : device(device) {
    ROI_EXPECT(init(0));
    ROI_EXPECT(primary_context_retain(&context, device));
    ROI_EXPECT(context_push(context));
    constexpr uint32_t image[4] = {0xba55ed50};
    ROI_EXPECT(module_load(&module, image));
    ROI_EXPECT(stream_create(&stream, kStreamNonBlocking));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  DevicePointer allocate(size_t bytes) const {
    DevicePointer pointer = 0;
    ROI_EXPECT(memory_allocate(&pointer, bytes));
    return pointer;
  }
  DevicePointer upload(const std::vector<float>& numbers) const {
    const DevicePointer pointer = allocate(numbers.size() * sizeof(float));
    ROI_EXPECT(copy_to_device(pointer, numbers.data(), numbers.size() * sizeof(float), stream));
    return pointer;
  }
  Function function(const char* name) const {
    Function function = nullptr;
    ROI_EXPECT(module_function(&function, module, name));
    return function;
  }
  Status run(const char* name, FaultParams params, unsigned blocks = 8) const {
    void* arguments[] = {&params};
    return launch(function(name), blocks, 1, 1, 256, 1, 1, 256 * sizeof(float), stream, arguments, nullptr);
  }

  int device;
  cuda::Context context = nullptr;
  cuda::Module module = nullptr;
  StreamHandle stream = nullptr;
};

}  // namespace roi::standin
