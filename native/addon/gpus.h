#pragma once

#include <napi.h>

namespace roi {

/// countGpus(): how many GPUs the driver finds; 0 where it does not start.
Napi::Value count_gpus(const Napi::CallbackInfo& info);
/// listGpus(): each GPU, with the reason if it cannot be used; or why there is none.
Napi::Value list_gpus(const Napi::CallbackInfo& info);

}  // namespace roi
