#pragma once

#include <napi.h>

namespace roi {

/// listGpus(): what is there to know of each GPU, or why there is none.
Napi::Value list_gpus(const Napi::CallbackInfo& info);

}  // namespace roi
