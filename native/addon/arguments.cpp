#include "arguments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "../buffers.h"
#include "address.h"
#include "errors.h"

namespace roi {
namespace {

enum Slot : size_t {
#define SLOT(term, name) k_##term##_##name,
  ROI_CALL_SLOTS(SLOT)
#undef SLOT
      kFixedSlots
};

constexpr size_t kSlots = kFixedSlots + static_cast<size_t>(ClassLosses::kNumbers) +
                          static_cast<size_t>(BoxLosses::kNumbers) +
                          static_cast<size_t>(MaskLosses::kNumbers);

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

/// The element type of a buffer.
DType dtype(Napi::Object types, const char* name) {
  const int64_t value = size(types, name);
  if (value > static_cast<int64_t>(DType::kInt32))
    throw_coded<Napi::RangeError>(types.Env(), "ERR_ROI_LOSS_DTYPE",
                                  std::string(name) + " has no element type");
  return static_cast<DType>(value);
}

int64_t product(Napi::Env env, Sizes sizes) {
  int64_t result = 1;
  for (const int64_t n : sizes)
    if (__builtin_mul_overflow(result, n, &result) || result > (int64_t{1} << 48))
      throw_coded<Napi::RangeError>(env, "ERR_ROI_LOSS_SHAPE", "the product of the sizes overflows");
  return result;
}

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

/// The weights of a list's kinds and the values of their options, from `next` on.
template <class List>
void read_kinds(typename List::template As<double>& kinds, List, const double*& next) {
  List::each([&](auto kind) {
    auto& chosen = kinds.template of<decltype(kind)>();
    chosen.weight = *next++;
    for (int i = 0; i < kOptionsOf<decltype(kind)>; i++) chosen.options[i] = *next++;
  });
}

template <class List>
void append_names(Napi::Array names, const std::string& term, List) {
  List::each([&](auto kind) {
    const std::string name = term + "." + kind.kName;
    names.Set(names.Length(), name);
    for (const Option& option : kind.kOptions) names.Set(names.Length(), name + "." + option.name);
  });
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

/// Reads where targets come from, and the sizes of the objects that they are made from.
void read_sources(Problem& p, Napi::Object shape) {
  const auto source = [&](const char* name) {
    return static_cast<TargetSource>(std::min(size(shape, name), int64_t{3}));
  };
  p.box.source = source("boxSource");
  p.mask.source = source("maskSource");
  p.objects.count = size(shape, "objects");
  p.objects.image_height = size(shape, "imageHeight");
  p.objects.image_width = size(shape, "imageWidth");
  p.objects.points = size(shape, "points");
  p.objects.rings = size(shape, "rings");
}

}  // namespace

Napi::Value call_slot_names(Napi::Env env) {
  const Napi::Array names = Napi::Array::New(env);
#define SLOT(term, name) names.Set(static_cast<uint32_t>(k_##term##_##name), #term "." #name);
  ROI_CALL_SLOTS(SLOT)
#undef SLOT
  append_names(names, "class", ClassLosses());
  append_names(names, "box", BoxLosses());
  append_names(names, "mask", MaskLosses());
  return names;
}

Problem parse_shape(Napi::Object shape) {
  Problem p;
  p.rois = size(shape, "rois");
  p.mask_rois = size(shape, "maskRois");
  p.classes = size(shape, "classes");
  p.own_mask_labels = flag(shape, "ownMaskLabels");
  if (!p.own_mask_labels) p.mask_rois = p.rois;
  p.cls.enabled = flag(shape, "class");
  p.box.enabled = flag(shape, "box");
  p.mask.enabled = flag(shape, "mask");
  p.box.fill = p.mask.fill = flag(shape, "fresh")     ? GradFill::kFresh
                             : flag(shape, "rewrite") ? GradFill::kRewrite
                                                      : GradFill::kSparse;
  p.cls.probabilities = flag(shape, "probabilities");
  if (p.box.enabled) p.box.channels = channels(shape, "boxChannels", p.classes);
  if (p.mask.enabled) {
    p.mask.channels = channels(shape, "maskChannels", p.classes);
    p.mask.height = size(shape, "height");
    p.mask.width = size(shape, "width");
    product(shape.Env(), {p.mask.channels, p.mask.height, p.mask.width});  // even where there is no RoI
    p.mask.channels_last = flag(shape, "channelsLast");
    p.mask.compact_grad = flag(shape, "compactGrad");
  }
  read_sources(p, shape);
  const auto types = shape.Get("types").As<Napi::Object>();
  each_buffer(p, [&](const char* name, auto&, auto& type, Sizes, Use use) {
    if constexpr (!std::is_const_v<std::remove_reference_t<decltype(type)>>)
      if (use == Use::kInput || (use == Use::kOptional && types.Has(name))) type = dtype(types, name);
  });
  return p;
}

void bind_buffers(Problem& p, Napi::Object buffers, std::vector<MemoryRef>* keep) {
  const auto bind = [&](const char* name, auto& pointer, size_t bytes, bool is_needed) {
    const Napi::Value value = buffers.Get(name);
    if (!value.IsUndefined())
      pointer = static_cast<std::remove_reference_t<decltype(pointer)>>(address_of(name, value, bytes, keep));
    else if (is_needed)
      throw_coded<Napi::TypeError>(buffers.Env(), "ERR_ROI_LOSS_TYPE", std::string(name) + " is missing");
  };
  each_buffer(p, [&](const char* name, auto& pointer, DType type, Sizes sizes, Use use) {
    const auto bytes = static_cast<size_t>(product(buffers.Env(), sizes) * size_of(type));
    bind(name, pointer, bytes, use == Use::kInput);
  });
  each_step_array(p, [&](const char* name, const float*& pointer, int64_t length) {
    bind(name, pointer, bytes_of({length}, DType::kFloat32), false);
  });
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
  p.box.delta_weights = {static_cast<float>(call[k_box_deltaX]), static_cast<float>(call[k_box_deltaY]),
                         static_cast<float>(call[k_box_deltaW]), static_cast<float>(call[k_box_deltaH])};
  p.mask.crop = call[k_mask_crop] == 1 ? Crop::kTorchvision : Crop::kDetectron2;
  const double* next = call + kFixedSlots;
  read_kinds(p.cls.kinds, ClassLosses(), next);
  read_kinds(p.box.kinds, BoxLosses(), next);
  read_kinds(p.mask.kinds, MaskLosses(), next);
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
  constexpr const char* kNames[] = {"labels",           "maskLabels",        "classProbs",
                                    "maskTargets",      "matches",           "maskMatches",
                                    "proposals",        "maskProposals",     "gtPolygons.points",
                                    "gtPolygons.rings", "gtPolygons.objects"};
  static_assert(std::size(kNames) == kCheckedInputs);
  const char* code = "ERR_ROI_LOSS_VALUE";
  std::string expected;
  switch (bad->input) {
    case CheckedInput::kLabels:
    case CheckedInput::kMaskLabels:
      code = "ERR_ROI_LOSS_LABEL";
      expected = "-1 (ignored), 0 (background) or a class up to " + std::to_string(bad->limit - 1);
      break;
    case CheckedInput::kClassProbs:
      expected = "a probability, from 0 to 1 (scores before softmax are classLogits)";
      break;
    case CheckedInput::kMaskTargets:
      expected =
          "a number from 0 to 1 (of bytes up to 255, divide by 255; in a Uint8Array any byte but 0 is "
          "foreground)";
      break;
    case CheckedInput::kMatches:
    case CheckedInput::kMaskMatches:
      expected = bad->limit > 0 ? "the index of an object, from 0 to " + std::to_string(bad->limit - 1) +
                                      ", as the RoI is foreground"
                                : "no foreground RoI, as there are no objects";
      break;
    case CheckedInput::kProposals:
    case CheckedInput::kMaskProposals:
      expected = "finite x1, y1, x2, y2 with x2 >= x1 and y2 >= y1";
      break;
    case CheckedInput::kPolygonPoints:
      expected = "a finite coordinate";
      break;
    case CheckedInput::kPolygonRings:
      expected = "offsets of points that ascend from 0 to " + std::to_string(bad->limit - 1) +
                 ", by at least 3, the points of a ring";
      break;
    case CheckedInput::kPolygonObjects:
      expected = "offsets of rings that ascend from 0 to " + std::to_string(bad->limit - 1) +
                 ": every object has a ring";
      break;
  }
  throw_coded<Napi::RangeError>(env, code,
                                std::string(kNames[static_cast<size_t>(bad->input)]) + "[" +
                                    std::to_string(bad->index) + "] is " + number_text(env, bad->value) +
                                    "; expected " + expected);
}

void check_sources(Napi::Env env, const Problem& p, const Backend& backend) {
  if (p.makes_targets() && !backend.makes_targets())
    throw_coded<Napi::Error>(
        env, "ERR_ROI_LOSS_DEVICE",
        "matches: targets are made from objects on the CPU alone so far; expected boxTargets "
        "and maskTargets on a CUDA device");
}

void check_gradients(Napi::Env env, const Problem& p) {
  each_buffer(p, [&](const char* name, const auto& pointer, DType type, Sizes sizes, Use use) {
    if (use == Use::kGradient && !pointer && bytes_of(sizes, type) > 0)
      throw_coded<Napi::TypeError>(env, "ERR_ROI_LOSS_TYPE", std::string(name) + " is missing");
  });
}

}  // namespace roi
