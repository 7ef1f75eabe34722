#pragma once

#include <napi.h>

#include "../cuda/image.h"

namespace roi {

/// Unpacks by a function of JavaScript that takes and returns a Uint8Array.
cuda::Unpack unpack_by(const Napi::Value& function);

/// countGpus(): how many GPUs the driver finds; 0 where it does not start.
Napi::Value count_gpus(const Napi::CallbackInfo& info);
/// listGpus(unpack): each GPU, with the reason if it cannot be used; or why there is none.
Napi::Value list_gpus(const Napi::CallbackInfo& info);

}  // namespace roi
