#include "arguments.h"

#include <cmath>
#include <cstddef>
#include <iterator>

#include "errors.h"
#include "memory.h"

namespace roi {
namespace {

enum Slot : size_t {
#define SLOT(term, name) k_##term##_##name,
  ROI_CALL_SLOTS(SLOT)
#undef SLOT
      kSlots
};

/// Sizes are below 2^40 each, so a few of them multiply within a double's exact range only if the product is
/// checked.
int64_t size(Napi::Object shape, const char* name) {
  const Napi::Value value = shape.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  if (!(number >= 0 && number <= 0x1p40 && number == std::floor(number)))
    throw_coded<Napi::RangeError>(shape.Env(), "ERR_ROI_LOSS_SHAPE", std::string(name) + " is no size");
  return static_cast<int64_t>(number);
}

bool flag(Napi::Object shape, const char* name) { return shape.Get(name).ToBoolean(); }

DType dtype(Napi::Object shape, const char* name) {
  const int64_t value = size(shape, name);
  if (value > static_cast<int64_t>(DType::kInt32))
    throw_coded<Napi::RangeError>(shape.Env(), "ERR_ROI_LOSS_DTYPE",
                                  std::string(name) + " is no element type");
  return static_cast<DType>(value);
}

int64_t product(Napi::Env env, std::initializer_list<int64_t> sizes) {
  int64_t result = 1;
  for (const int64_t n : sizes)
    if (__builtin_mul_overflow(result, n, &result) || result > (int64_t{1} << 48))
      throw_coded<Napi::RangeError>(env, "ERR_ROI_LOSS_SHAPE", "the product of the sizes overflows");
  return result;
}

class Binder {
 public:
  Binder(Napi::Object buffers, std::vector<MemoryRef>* keep) : buffers_(buffers), keep_(keep) {}

  /// The buffer's address, after checking that it holds exactly `sizes` elements; null where it is absent.
  void* get(const char* name, DType type, std::initializer_list<int64_t> sizes) {
    const Napi::Value value = buffers_.Get(name);
    if (value.IsUndefined()) return nullptr;
    const auto bytes = static_cast<size_t>(product(buffers_.Env(), sizes) * size_of(type));
    if (value.IsTypedArray()) {
      const auto array = value.As<Napi::TypedArray>();
      // JavaScript checked this before it read the options, whose getters may have detached the array since.
      if (array.ByteLength() == 0 && array.ArrayBuffer().IsDetached())
        throw_coded<Napi::TypeError>(buffers_.Env(), "ERR_ROI_LOSS_BUFFER",
                                     std::string(name) + " lies in a detached ArrayBuffer");
      check(name, array.ByteLength(), bytes);
      // An array of nothing has no address, and is there all the same.
      if (bytes == 0) return &nothing_;
      return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    }
    const MemoryRef memory = MemoryHandle::from(value);
    if (!memory)
      throw_coded<Napi::TypeError>(buffers_.Env(), "ERR_ROI_LOSS_TYPE",
                                   std::string(name) + " is no tensor or array");
    check(name, memory->bytes(), bytes);
    keep_->push_back(memory);
    return memory->data();
  }

  template <class T>
  T* require(const char* name, DType type, std::initializer_list<int64_t> sizes) {
    if (buffers_.Get(name).IsUndefined())
      throw_coded<Napi::TypeError>(buffers_.Env(), "ERR_ROI_LOSS_TYPE", std::string(name) + " is missing");
    return static_cast<T*>(get(name, type, sizes));
  }

 private:
  void check(const char* name, size_t bytes, size_t expected) {
    if (bytes != expected)
      throw_coded<Napi::RangeError>(buffers_.Env(), "ERR_ROI_LOSS_SHAPE",
                                    std::string(name) + " has " + std::to_string(bytes) +
                                        " bytes; expected " + std::to_string(expected));
  }

  alignas(std::max_align_t) static inline char nothing_ = 0;

  Napi::Object buffers_;
  std::vector<MemoryRef>* keep_;
};

/// The slots of every term begin alike; those of the class term begin at 0. A term without buffers stays off.
void read_term(Term& term, const double* slots) {
  term.enabled = term.enabled && slots[k_class_enabled] != 0;
  term.gradient = slots[k_class_gradient] != 0;
  term.metrics = slots[k_class_metrics] != 0;
  const double reduction = slots[k_class_reduction];
  term.reduction = reduction == 2 ? Reduction::kNone : reduction == 1 ? Reduction::kSum : Reduction::kMean;
  if (term.reduction != Reduction::kNone) term.per_roi = nullptr;
  term.weight = slots[k_class_weight];
  term.normalizer = slots[k_class_normalizer];
  term.grad_scale = slots[k_class_gradScale];
}

/// A number as JavaScript writes it.
std::string number_text(Napi::Env env, double number) {
  return Napi::Number::New(env, number).ToString().Utf8Value();
}

int64_t channels(Napi::Object shape, const char* name, int64_t classes) {
  const int64_t n = size(shape, name);
  if (n != classes && n != classes - 1 && n != 1)
    throw_coded<Napi::RangeError>(shape.Env(), "ERR_ROI_LOSS_SHAPE",
                                  std::string(name) + " fits no number of classes");
  return n;
}

}  // namespace

Napi::Value call_slot_names(Napi::Env env) {
  const Napi::Array names = Napi::Array::New(env);
#define SLOT(term, name) names.Set(static_cast<uint32_t>(k_##term##_##name), #term "." #name);
  ROI_CALL_SLOTS(SLOT)
#undef SLOT
  return names;
}

Problem parse_shape(Napi::Object shape) {
  Problem p;
  p.rois = size(shape, "rois");
  p.mask_rois = size(shape, "maskRois");
  p.classes = size(shape, "classes");
  p.cls.enabled = flag(shape, "class");
  p.box.enabled = flag(shape, "box");
  p.mask.enabled = flag(shape, "mask");
  const GradFill fill = flag(shape, "fresh")     ? GradFill::kFresh
                        : flag(shape, "rewrite") ? GradFill::kRewrite
                                                 : GradFill::kSparse;
  if (p.cls.enabled) {
    p.cls.probabilities = flag(shape, "probabilities");
    p.cls.dtype = dtype(shape, "classType");
  }
  if (p.box.enabled) {
    p.box.channels = channels(shape, "boxChannels", p.classes);
    p.box.dtype = dtype(shape, "boxType");
    p.box.target_dtype = dtype(shape, "boxTargetType");
    p.box.fill = fill;
  }
  if (p.mask.enabled) {
    p.mask.channels = channels(shape, "maskChannels", p.classes);
    p.mask.height = size(shape, "height");
    p.mask.width = size(shape, "width");
    product(shape.Env(), {p.mask.channels, p.mask.height, p.mask.width});  // even where there is no RoI
    p.mask.channels_last = flag(shape, "channelsLast");
    p.mask.compact_grad = flag(shape, "compactGrad");
    p.mask.dtype = dtype(shape, "maskType");
    p.mask.target_dtype = dtype(shape, "maskTargetType");
    p.mask.fill = fill;
  }
  return p;
}

void bind_buffers(Problem& p, Napi::Object buffers, std::vector<MemoryRef>* keep) {
  Binder bind(buffers, keep);
  const auto f32 = DType::kFloat32, i32 = DType::kInt32;
  p.labels = static_cast<const int32_t*>(bind.get("labels", i32, {p.rois}));
  if (p.cls.enabled || p.box.enabled) p.labels = bind.require<const int32_t>("labels", i32, {p.rois});
  if (p.cls.enabled) {
    p.cls.scores = bind.require<const void>("classScores", p.cls.dtype, {p.rois, p.classes});
    p.cls.grad = bind.get("classGrad", p.cls.dtype, {p.rois, p.classes});
    p.cls.per_roi = static_cast<float*>(bind.get("classPerRoi", f32, {p.rois}));
    p.cls.weights = static_cast<const float*>(bind.get("classWeights", f32, {p.classes}));
    p.cls.upstream = static_cast<const float*>(bind.get("classUpstream", f32, {p.rois}));
  }
  if (p.box.enabled) {
    p.box.deltas = bind.require<const void>("boxDeltas", p.box.dtype, {p.rois, p.box.channels, 4});
    p.box.targets = bind.require<const void>("boxTargets", p.box.target_dtype, {p.rois, 4});
    p.box.grad = bind.get("boxGrad", p.box.dtype, {p.rois, p.box.channels, 4});
    p.box.per_roi = static_cast<float*>(bind.get("boxPerRoi", f32, {p.rois}));
    p.box.written = static_cast<int32_t*>(bind.get("boxWritten", i32, {p.rois}));
    p.box.upstream = static_cast<const float*>(bind.get("boxUpstream", f32, {p.rois}));
  }
  if (p.mask.enabled) {
    const MaskTerm& m = p.mask;
    const int64_t grad_channels = m.compact_grad ? 1 : m.channels;
    p.mask.logits =
        bind.require<const void>("maskLogits", m.dtype, {p.mask_rois, m.channels, m.height, m.width});
    p.mask.targets =
        bind.require<const void>("maskTargets", m.target_dtype, {p.mask_rois, m.height, m.width});
    p.mask.grad = bind.get("maskGrad", m.dtype, {p.mask_rois, grad_channels, m.height, m.width});
    p.mask.per_roi = static_cast<float*>(bind.get("maskPerRoi", f32, {p.mask_rois}));
    p.mask.written = static_cast<int32_t*>(bind.get("maskWritten", i32, {p.mask_rois}));
    p.mask.upstream = static_cast<const float*>(bind.get("maskUpstream", f32, {p.mask_rois}));
    p.mask_labels = static_cast<const int32_t*>(bind.get("maskLabels", i32, {p.mask_rois}));
    if (!p.mask_labels) p.mask_labels = bind.require<const int32_t>("labels", i32, {p.mask_rois});
  }
}

double* call_numbers(Napi::Value call) {
  if (!call.IsTypedArray() || call.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      call.As<Napi::TypedArray>().ElementLength() != kSlots)
    throw_coded<Napi::TypeError>(call.Env(), "ERR_ROI_LOSS_TYPE", "expected the numbers of a step");
  return call.As<Napi::Float64Array>().Data();
}

void read_options(Problem& p, const double* call) {
  read_term(p.cls, call + k_class_enabled);
  read_term(p.box, call + k_box_enabled);
  read_term(p.mask, call + k_mask_enabled);
  p.cls.label_smoothing = call[k_class_labelSmoothing];
  p.cls.eps = call[k_class_eps];
  p.box.beta = call[k_box_beta];
  p.mask.bce_weight = call[k_mask_bce];
  p.mask.smoothed_weight = call[k_mask_smoothed];
  p.mask.dice_weight = call[k_mask_dice];
  p.mask.smoothing = call[k_mask_smoothing];
  p.mask.eps = call[k_mask_eps];
}

void write_result(double* call, const Result& result) {
  call[k_class_loss] = result.class_loss;
  call[k_box_loss] = result.box_loss;
  call[k_mask_loss] = result.mask_loss;
  // The counters lie in the order of their slots.
  for (size_t i = 0; i < kCounters; i++) call[k_class_rois + i] = result.counters[i];
}

const float* optional_floats(const char* name, Napi::Value value, int64_t length) {
  if (value.IsUndefined()) return nullptr;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array ||
      value.As<Napi::TypedArray>().ElementLength() != static_cast<size_t>(length))
    throw_coded<Napi::TypeError>(
        value.Env(), "ERR_ROI_LOSS_TYPE",
        std::string(name) + " is no Float32Array of length " + std::to_string(length));
  return value.As<Napi::Float32Array>().Data();
}

void check_input(Napi::Env env, const std::optional<BadInput>& bad) {
  if (!bad) return;
  constexpr const char* kNames[] = {"labels", "maskLabels", "classProbs", "maskTargets"};
  static_assert(std::size(kNames) == kCheckedInputs);
  const char* code = "ERR_ROI_LOSS_VALUE";
  std::string expected;
  switch (bad->input) {
    case CheckedInput::kLabels:
    case CheckedInput::kMaskLabels:
      code = "ERR_ROI_LOSS_LABEL";
      expected = "-1 (ignored), 0 (background) or a class up to " + std::to_string(bad->classes - 1);
      break;
    case CheckedInput::kClassProbs:
      expected = "a probability, from 0 to 1 (scores before softmax are classLogits)";
      break;
    case CheckedInput::kMaskTargets:
      expected =
          "a number from 0 to 1 (of bytes up to 255, divide by 255; in a Uint8Array any byte but 0 is "
          "foreground)";
      break;
  }
  throw_coded<Napi::RangeError>(env, code,
                                std::string(kNames[static_cast<size_t>(bad->input)]) + "[" +
                                    std::to_string(bad->index) + "] is " + number_text(env, bad->value) +
                                    "; expected " + expected);
}

void check_gradients(Napi::Env env, const Problem& p) {
  const auto check = [&](bool enabled, const Term& term, const void* grad) {
    if (enabled && term.gradient && !grad)
      throw_coded<Napi::TypeError>(env, "ERR_ROI_LOSS_TYPE", "a gradient has no buffer");
  };
  check(p.cls.enabled && p.rois > 0, p.cls, p.cls.grad);
  check(p.box.enabled && p.rois > 0, p.box, p.box.grad);
  check(p.mask.enabled && p.mask_rois > 0, p.mask, p.mask.grad);
}

}  // namespace roi
