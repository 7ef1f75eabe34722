#include "gpus.h"

#include "../cuda/gpu.h"

namespace roi {

cuda::Unpack unpack_by(const Napi::Value& function) {
  return [function = function.As<Napi::Function>()](const char* begin, const char* end) {
    const auto packed = Napi::Buffer<char>::Copy(function.Env(), begin, static_cast<size_t>(end - begin));
    const auto unpacked = function.Call({packed}).As<Napi::Uint8Array>();
    return std::vector<char>(unpacked.Data(), unpacked.Data() + unpacked.ByteLength());
  };
}

Napi::Value count_gpus(const Napi::CallbackInfo& info) {
  int count = 0;
  try {
    count = cuda::count_gpus();
  } catch (const DeviceError&) {
    // listGpus and opening a GPU say why.
  }
  return Napi::Number::New(info.Env(), count);
}

Napi::Value list_gpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const auto found = cuda::list_gpus(unpack_by(info[0]));
    const Napi::Array gpus = Napi::Array::New(env, found.size());
    for (uint32_t i = 0; i < found.size(); i++) {
      const cuda::GpuInfo& about = found[i];
      const Napi::Object gpu = Napi::Object::New(env);
      // What the driver could not be asked for is left out.
      if (!about.name.empty()) gpu.Set("name", about.name);
      if (about.major > 0)
        gpu.Set("computeCapability", std::to_string(about.major) + "." + std::to_string(about.minor));
      if (!about.driver.empty()) gpu.Set("driver", about.driver);
      if (about.memory > 0) gpu.Set("memory", static_cast<double>(about.memory));
      if (!about.problem.empty()) gpu.Set("reason", about.problem);
      gpus.Set(i, gpu);
    }
    return gpus;
  } catch (const DeviceError& error) {
    return Napi::String::New(env, error.what());
  }
}

}  // namespace roi
