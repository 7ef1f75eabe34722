#include <cmath>

#include "address.h"
#include "device.h"
#include "errors.h"

namespace roi {
namespace {

/// An index of a box or object fits an int32.
int64_t count_of(Napi::Object sizes, const char* name) {
  const double count = sizes.Get(name).ToNumber().DoubleValue();
  if (!(count >= 0 && count < 0x1p31 && count == std::floor(count)))
    throw_coded<Napi::RangeError>(sizes.Env(), "ERR_ROI_LOSS_SHAPE", std::string(name) + " is no count");
  return static_cast<int64_t>(count);
}

MatchProblem parse_match(Napi::Object sizes) {
  MatchProblem p;
  p.boxes = count_of(sizes, "boxes");
  p.objects = count_of(sizes, "objects");
  p.foreground = sizes.Get("foreground").ToNumber().FloatValue();
  p.background = sizes.Get("background").ToNumber().FloatValue();
  p.low_quality = sizes.Get("lowQuality").ToBoolean();
  return p;
}

template <class Problem>
void bind(Problem& problem, Napi::Object buffers, std::vector<MemoryRef>* keep) {
  each_buffer(problem, [&](const char* name, auto*& pointer, DType type, Sizes sizes, Use use) {
    const Napi::Value value = buffers.Get(name);
    if (use == Use::kOptional && value.IsUndefined()) return;
    void* const address = address_of(name, value, bytes_of(sizes, type), keep);
    pointer = static_cast<std::remove_reference_t<decltype(pointer)>>(address);
  });
}

}  // namespace

void DeviceHandle::match(const Napi::CallbackInfo& info) {
  const auto device = backend(info.Env());
  MatchProblem problem = parse_match(info[0].As<Napi::Object>());
  std::vector<MemoryRef> keep;
  bind(problem, info[1].As<Napi::Object>(), &keep);
  with_js_errors(info.Env(), "matching boxes", [&] { device->match(problem); });
}

}  // namespace roi
