#include "gpus.h"

#include "../cuda/gpu.h"

namespace roi {

Napi::Value list_gpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    const auto found = cuda::list_gpus();
    const Napi::Array gpus = Napi::Array::New(env, found.size());
    for (uint32_t i = 0; i < found.size(); i++) {
      const Napi::Object gpu = Napi::Object::New(env);
      gpu.Set("name", found[i].name);
      gpu.Set("computeCapability", std::to_string(found[i].major) + "." + std::to_string(found[i].minor));
      gpu.Set("driver", found[i].driver);
      gpu.Set("memory", static_cast<double>(found[i].memory));
      gpus.Set(i, gpu);
    }
    return gpus;
  } catch (const DeviceError& error) {
    return Napi::String::New(env, error.what());
  }
}

}  // namespace roi
