#include "boxes.h"

#include <algorithm>

#include "../cpu/matcher.h"
#include "../cpu/sampler.h"
#include "../formulas/boxes.h"
#include "address.h"
#include "errors.h"

namespace roi {
namespace {

/// A typed array of `count` elements.
template <class T>
T* array_of(const Napi::CallbackInfo& info, size_t argument, const char* name, size_t count) {
  std::vector<MemoryRef> keep;
  void* const data = address_of(name, info[argument], count * sizeof(T), &keep);
  if (!keep.empty())
    throw_coded<Napi::TypeError>(info.Env(), "ERR_ROI_LOSS_TYPE", std::string(name) + " is no array");
  return static_cast<T*>(data);
}

size_t length_of(const Napi::CallbackInfo& info, size_t argument) {
  return info[argument].IsTypedArray() ? info[argument].As<Napi::TypedArray>().ElementLength() : 0;
}

boxes::Box<float> box_at(const float* box, size_t i) {
  return {box[4 * i], box[4 * i + 1], box[4 * i + 2], box[4 * i + 3]};
}
void put(float* out, const boxes::Box<float>& b) {
  out[0] = b.x1, out[1] = b.y1, out[2] = b.x2, out[3] = b.y2;
}

boxes::DeltaWeights weights_of(const Napi::CallbackInfo& info, size_t argument) {
  const auto* w = array_of<const float>(info, argument, "deltaWeights", 4);
  return {w[0], w[1], w[2], w[3]};
}

Napi::Value array_with(Napi::Env env, const std::vector<int32_t>& indices) {
  auto array = Napi::Int32Array::New(env, indices.size());
  std::copy(indices.begin(), indices.end(), array.Data());
  return array;
}

/// A whole number from 0 to 2^53.
int64_t whole(const Napi::CallbackInfo& info, size_t argument) {
  const double number = info[argument].ToNumber().DoubleValue();
  if (!(number >= 0 && number <= 0x1p53))
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_OPTION", "expected a whole number");
  return static_cast<int64_t>(number);
}

}  // namespace

void encode_boxes(const Napi::CallbackInfo& info) {
  const size_t n = length_of(info, 0) / 4, objects = length_of(info, 1) / 4;
  const auto* proposals = array_of<const float>(info, 0, "proposals", 4 * n);
  const auto* gt_boxes = array_of<const float>(info, 1, "gtBoxes", 4 * objects);
  const auto* matches = info[2].IsUndefined() ? nullptr : array_of<const int32_t>(info, 2, "matches", n);
  const boxes::DeltaWeights weights = weights_of(info, 3);
  auto* out = array_of<float>(info, 4, "out", 4 * n);
  for (size_t i = 0; i < n; i++, out += 4) {
    const int64_t match = matches ? matches[i] : static_cast<int64_t>(i);
    if (match >= static_cast<int64_t>(objects))
      throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_VALUE",
                                    "matches[" + std::to_string(i) + "] is " + std::to_string(match) +
                                        "; expected an object below " + std::to_string(objects) +
                                        ", or a negative number for none");
    if (match < 0) {
      std::fill_n(out, 4, 0.0f);
      continue;
    }
    const boxes::Deltas<float> d =
        boxes::encode(box_at(proposals, i), box_at(gt_boxes, static_cast<size_t>(match)), weights);
    out[0] = d.x, out[1] = d.y, out[2] = d.w, out[3] = d.h;
  }
}

void decode_boxes(const Napi::CallbackInfo& info) {
  const size_t n = length_of(info, 0) / 4, all = length_of(info, 1) / 4;
  const auto* proposals = array_of<const float>(info, 0, "proposals", 4 * n);
  const auto* deltas = array_of<const float>(info, 1, "deltas", 4 * all);
  const boxes::DeltaWeights weights = weights_of(info, 2);
  auto* out = array_of<float>(info, 3, "out", 4 * all);
  const size_t each = n ? all / n : 0;
  if (each * n != all)
    throw_coded<Napi::RangeError>(info.Env(), "ERR_ROI_LOSS_SHAPE", "deltas and proposals do not agree");
  for (size_t i = 0; i < all; i++) {
    const float* const d = deltas + 4 * i;
    put(out + 4 * i, boxes::decode(box_at(proposals, i / each), {d[0], d[1], d[2], d[3]}, weights));
  }
}

void clip_boxes(const Napi::CallbackInfo& info) {
  const size_t n = length_of(info, 0) / 4;
  const auto* from = array_of<const float>(info, 0, "boxes", 4 * n);
  const float width = info[1].As<Napi::Number>().FloatValue(),
              height = info[2].As<Napi::Number>().FloatValue();
  auto* out = array_of<float>(info, 3, "out", 4 * n);
  for (size_t i = 0; i < n; i++) put(out + 4 * i, boxes::clip(box_at(from, i), width, height));
}

Napi::Value nms(const Napi::CallbackInfo& info) {
  const size_t n = length_of(info, 1);
  const auto* box = array_of<const float>(info, 0, "boxes", 4 * n);
  const auto* scores = array_of<const float>(info, 1, "scores", n);
  const auto* labels = info[2].IsUndefined() ? nullptr : array_of<const int32_t>(info, 2, "labels", n);
  const double threshold = info[3].As<Napi::Number>().DoubleValue();
  const std::string simd = info[4].IsString() ? info[4].As<Napi::String>().Utf8Value() : std::string();
  const BoxKernels* const kernels = box_kernels(simd.empty() ? nullptr : simd.c_str());
  return with_js_errors(info.Env(), "suppressing boxes", [&]() -> Napi::Value {
    if (!kernels) throw DeviceError("this machine has no instruction set \"" + simd + "\"");
    return array_with(info.Env(), nms(box, scores, labels, static_cast<int64_t>(n), threshold, *kernels));
  });
}

Napi::Value sample_rois(const Napi::CallbackInfo& info) {
  const size_t n = length_of(info, 0);
  auto* const labels = array_of<int32_t>(info, 0, "labels", n);
  SampleProblem problem;
  problem.rois = static_cast<int64_t>(n);
  problem.labels = labels;
  problem.count = whole(info, 1);
  problem.foreground = std::min(whole(info, 2), problem.count);
  problem.seed = static_cast<uint64_t>(whole(info, 3));
  const bool in_place = info[4].ToBoolean();
  return with_js_errors(info.Env(), "sampling RoIs", [&]() -> Napi::Value {
    const std::vector<int32_t> taken = sample(problem);
    if (!in_place) return array_with(info.Env(), taken);
    size_t next = 0;
    for (size_t r = 0; r < n; r++) {
      if (next < taken.size() && static_cast<size_t>(taken[next]) == r)
        next++;
      else
        labels[r] = kIgnoredLabel;
    }
    return info.Env().Undefined();
  });
}

}  // namespace roi
