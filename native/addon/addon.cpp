#include <napi.h>

#include "arguments.h"
#include "batch.h"
#include "boxes.h"
#include "device.h"
#include "environment.h"
#include "gpus.h"
#include "kinds.h"
#include "memory.h"
#include "pending.h"
#include "recorded.h"
#include "stream_handles.h"

namespace roi {
namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment;
  env.SetInstanceData(environment);
  environment->memory_class = Napi::Persistent(MemoryHandle::define(env));
  environment->pending_class = Napi::Persistent(PendingHandle::define(env));
  environment->recorded_class = Napi::Persistent(RecordedHandle::define(env));
  environment->mark_class = Napi::Persistent(MarkHandle::define(env));
  environment->graph_class = Napi::Persistent(GraphHandle::define(env));
  exports.Set("Device", DeviceHandle::define(env));
  exports.Set("Batch", BatchHandle::define(env));
  exports.Set("countGpus", Napi::Function::New<count_gpus>(env, "countGpus"));
  exports.Set("listGpus", Napi::Function::New<list_gpus>(env, "listGpus"));
  exports.Set("encodeBoxes", Napi::Function::New<encode_boxes>(env, "encodeBoxes"));
  exports.Set("decodeBoxes", Napi::Function::New<decode_boxes>(env, "decodeBoxes"));
  exports.Set("clipBoxes", Napi::Function::New<clip_boxes>(env, "clipBoxes"));
  exports.Set("nms", Napi::Function::New<nms>(env, "nms"));
  exports.Set("sampleRois", Napi::Function::New<sample_rois>(env, "sampleRois"));
  exports.Set("callSlots", call_slot_names(env));
  exports.Set("kinds", kind_lists(env));
  return exports;
}

}  // namespace
}  // namespace roi

static Napi::Object init(Napi::Env env, Napi::Object exports) { return roi::init(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)
