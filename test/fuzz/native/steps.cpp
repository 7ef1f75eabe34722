#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../../../native/buffers.h"
#include "../../../native/cpu/cpu_backend.h"
#include "../../../native/cpu/rows.h"
#include "../../../native/cuda/cuda_backend.h"
#include "../../../native/formulas/ranges.h"
#include "../../../native/labels.h"
#include "buffers.h"

// A fuzzer's entry below Node-API: two steps, one after the other over the same gradients, of any shape,
// options, element types, layouts, addresses and labels that native/addon lets through. The sanitizers tell
// of what is touched beside the tensors; told of here are labels, targets and probabilities wrongly refused
// or let through, a backend that gives up, inputs that change, and gradients of the second step that depend
// on the first.

namespace roi::fuzz {
namespace {

[[noreturn]] void fail(const std::string& finding) {
  std::fprintf(stderr, "fuzz: %s\n", finding.c_str());
  std::abort();
}

constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16};
constexpr DType kMaskTargets[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kUint8};

Problem shape_of(Input& input) {
  Problem p;
  p.classes = 1 + input.up_to(input.flag() ? 90 : 5);
  p.rois = input.up_to(40);
  const uint8_t terms = input.byte();
  p.cls.enabled = terms & 1;
  p.box.enabled = terms & 2;
  p.mask.enabled = terms & 4;
  p.mask_rois = terms & 8 ? input.up_to(20) : p.rois;
  const int64_t channels[] = {p.classes, p.classes - 1, 1};
  const GradFill fill = input.pick({GradFill::kSparse, GradFill::kRewrite});
  p.own_mask_labels = p.mask_rois != p.rois || input.flag();
  p.cls.probabilities = input.flag();
  p.cls.dtype = input.pick(kFloats);
  p.box.channels = input.pick(channels);
  p.box.dtype = input.pick(kFloats);
  p.box.target_dtype = input.pick(kFloats);
  p.mask.channels = input.pick(channels);
  p.mask.height = input.up_to(18);
  p.mask.width = input.up_to(18);
  p.mask.channels_last = input.flag();
  p.mask.compact_grad = input.flag();
  p.mask.dtype = input.pick(kFloats);
  p.mask.target_dtype = input.pick(kMaskTargets);
  p.box.fill = p.mask.fill = fill;
  if (terms & 16) p.box.source = TargetSource::kObjects;
  if (terms & 32) p.mask.source = terms & 64 ? TargetSource::kPolygons : TargetSource::kBitmaps;
  if (terms & 128) p.mask.crop = Crop::kTorchvision;
  if (p.makes_targets()) {
    Objects& o = p.objects;
    o.count = input.up_to(4);
    o.image_height = 1 + input.up_to(20);
    o.image_width = 1 + input.up_to(40);
    o.rings = o.count + input.up_to(2);
    o.points = 3 * o.rings + input.up_to(4);
  }
  return p;
}

void read_term(Term& term, Input& input) {
  const uint8_t flags = input.byte();
  term.gradient = flags & 1;
  term.metrics = flags & 2;
  term.reduction = input.pick({Reduction::kMean, Reduction::kSum, Reduction::kNone});
  if (flags & 4) term.weight = input.number();
  if (flags & 8) term.normalizer = input.number();
  if (flags & 16) term.grad_scale = input.number();
}

/// Any weights, and options within their ranges or, where these have no end, anything.
template <class List>
void read_kinds(typename List::template As<double>& kinds, List, Input& input) {
  List::each([&](auto kind) {
    auto& chosen = kinds.template of<decltype(kind)>();
    chosen.weight = input.number();
    int i = 0;
    for (const Option& option : kind.kOptions)
      chosen.options[i++] = option.most == kUnbounded
                                ? input.number()
                                : input.pick({option.standard, option.least, option.most});
  });
}

void read_options(Problem& p, Input& input) {
  read_term(p.cls, input);
  read_term(p.box, input);
  read_term(p.mask, input);
  read_kinds(p.cls.kinds, ClassLosses(), input);
  read_kinds(p.box.kinds, BoxLosses(), input);
  read_kinds(p.mask.kinds, MaskLosses(), input);
}

int64_t elements_of(Sizes sizes) { return static_cast<int64_t>(bytes_of(sizes, DType::kUint8)); }

/// Makes boxes of pairs of corners. A NaN stays.
void order_corners(float* boxes, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (float* corner = boxes + 4 * i; corner < boxes + 4 * i + 2; corner++)
      if (corner[2] < corner[0]) std::swap(corner[0], corner[2]);
}

/// All but what is of int32, which differs from step to step.
void make_inputs(Problem& p, Buffers& buffers, Input& input) {
  each_buffer(p, [&](const char* name, auto& data, DType dtype, Sizes sizes, Use use) {
    using Pointer = std::remove_reference_t<decltype(data)>;
    if ((use != Use::kInput && use != Use::kOptional) || dtype == DType::kInt32) return;
    void* const numbers = buffers.numbers(elements_of(sizes), dtype, input);
    const bool is_proposals = !std::strcmp(name, "proposals") || !std::strcmp(name, "maskProposals");
    if (is_proposals && !input.flag()) order_corners(static_cast<float*>(numbers), *sizes.begin());
    data = static_cast<Pointer>(numbers);
  });
  each_step_array(p, [&](const char*, const float*& floats, int64_t n) {
    if (input.flag()) floats = static_cast<float*>(buffers.numbers(n, DType::kFloat32, input));
  });
}

/// Classes, with some anywhere in int32 where the fuzzer says so.
const int32_t* make_labels(int64_t n, int64_t classes, Buffers& buffers, Input& input) {
  int32_t* const labels = buffers.zeros<int32_t>(n, DType::kInt32, input);
  const bool wild = input.byte() == 1;
  for (int64_t i = 0; i < n; i++)
    labels[i] = wild && input.flag() ? input.int32() : static_cast<int32_t>(input.up_to(classes)) - 1;
  return labels;
}

/// Objects, with some anywhere in int32 where the fuzzer says so.
const int32_t* make_matches(int64_t n, int64_t objects, Buffers& buffers, Input& input) {
  int32_t* const matches = buffers.zeros<int32_t>(n, DType::kInt32, input);
  const bool wild = input.byte() == 1;
  for (int64_t i = 0; i < n; i++)
    matches[i] = wild && input.flag() ? input.int32() : objects ? static_cast<int32_t>(i % objects) : 0;
  return matches;
}

/// Offsets of `n` parts of at least `least` each, with some anywhere in int32 where the fuzzer says so.
const int32_t* make_offsets(int64_t n, int64_t end, int64_t least, Buffers& buffers, Input& input) {
  int32_t* const offsets = buffers.zeros<int32_t>(n + 1, DType::kInt32, input);
  const bool wild = input.byte() == 1;
  for (int64_t i = 0; i <= n; i++)
    offsets[i] = wild && input.flag() ? input.int32() : static_cast<int32_t>(i < n ? i * least : end);
  return offsets;
}

/// What steps over one batch write.
struct Outputs {
  Outputs(Problem p, Input& input) {
    p.cls.gradient = p.box.gradient = p.mask.gradient = true;
    each_buffer(p, [&](const char*, auto& data, DType dtype, Sizes sizes, Use use) {
      if constexpr (!std::is_const_v<std::remove_pointer_t<std::remove_reference_t<decltype(data)>>>)
        make(data,
             use == Use::kState    ? notes
             : use == Use::kOutput ? losses
                                   : gradients,
             elements_of(sizes), dtype, input);
    });
    problem_ = p;
  }

  /// The problem with the labels and options of `p` over these.
  Problem in(const Problem& p) const {
    Problem problem = p;
    take(problem.cls, problem_.cls);
    take(problem.box, problem_.box);
    take(problem.mask, problem_.mask);
    problem.box.written = problem_.box.written;
    problem.mask.written = problem_.mask.written;
    problem.box.targets_out = problem_.box.targets_out;
    problem.mask.targets_out = problem_.mask.targets_out;
    return problem;
  }

  Buffers gradients, notes, losses;

 private:
  template <class T>
  static void make(T*& data, Buffers& buffers, int64_t n, DType dtype, Input& input) {
    data = static_cast<T*>(static_cast<void*>(buffers.zeros<char>(n, dtype, input)));
  }
  template <class T>
  static void take(T& term, const T& from) {
    term.grad = from.grad;
    if (term.reduction == Reduction::kNone) term.per_roi = from.per_roi;
  }

  Problem problem_;
};

bool has_bad(const int32_t* labels, int64_t n, int64_t classes) {
  for (int64_t i = 0; i < n; i++)
    if (labels[i] < -1 || labels[i] > classes - 1) return true;
  return false;
}

/// The stand-in has the kernels itself: what begins as an image will do.
std::vector<char> empty_image(const char*, const char*) {
  std::vector<char> image{'\x50', '\xed', '\x55', '\xba'};
  image.resize(64);
  return image;
}

/// The first GPU where ROI_FUZZ_DEVICE says cuda, else the CPU by each of its instruction sets.
std::vector<std::shared_ptr<Backend>> open_backends() {
  const char* const name = std::getenv("ROI_FUZZ_DEVICE");
  if (name && std::string(name) == "cuda") return {make_cuda_backend(0, 0, empty_image)};
  std::vector<std::shared_ptr<Backend>> backends;
  for (const char* simd : {"baseline", "avx2", "avx512"}) {
    try {
      backends.push_back(make_cpu_backend(2, simd));
    } catch (const DeviceError&) {
      // Not one of this machine's.
    }
  }
  return backends;
}

/// The first bad value in the rows, of `width` elements each, of RoIs whose label is at least `least`.
std::optional<BadInput> find_bad(CheckedInput input, const void* tensor, DType dtype, const int32_t* labels,
                                 int64_t rois, int64_t width, int32_t least, bool (*is_bad)(float)) {
  std::vector<float> row(static_cast<size_t>(width));
  for (int64_t r = 0; r < rois; r++) {
    if (labels[r] < least) continue;
    const auto* first = static_cast<const char*>(tensor) + r * width * size_of(dtype);
    if (dtype == DType::kFloat32)
      std::memcpy(row.data(), first, row.size() * sizeof(float));
    else
      rows("baseline")->widen(first, dtype, row.data(), width);
    const auto bad = std::find_if(row.begin(), row.end(), is_bad);
    if (bad != row.end())
      return BadInput{input, r * width + (bad - row.begin()), static_cast<double>(*bad), 0};
  }
  return std::nullopt;
}

/// What a step over good labels must refuse.
std::optional<BadInput> find_bad(const Problem& p) {
  std::optional<BadInput> bad;
  if (p.cls.enabled && p.cls.probabilities)
    bad = find_bad(CheckedInput::kClassProbs, p.cls.scores, p.cls.dtype, p.labels, p.rois, p.classes, 0,
                   [](float x) { return ranges::is_bad_probability(x); });
  if (!bad && p.mask.enabled && !p.makes_mask_targets())
    bad = find_bad(CheckedInput::kMaskTargets, p.mask.targets, p.mask.target_dtype, p.mask_labels,
                   p.mask_rois, p.mask.pixels(), 1, [](float x) { return ranges::is_bad_target(x); });
  return bad;
}

void run(Backend& backend, const Problem& problem) {
  Result result;
  try {
    backend.run(problem, result);
  } catch (const std::exception& error) {
    fail(backend.description() + ": " + error.what());
  }
  const auto expected = find_bad(problem);
  const auto& bad = result.bad_input;
  if (bad.has_value() != expected.has_value())
    fail(backend.description() + (bad ? ": a good value was refused" : ": a bad value passed"));
  if (bad &&
      (bad->input != expected->input || bad->index != expected->index || bad->value != expected->value))
    fail(backend.description() + ": a bad value is not the first");
}

/// Gives `p` labels, matches and offsets. Returns whether a step can be made of them.
bool make_indices(Problem& p, Buffers& buffers, Input& input) {
  bool bad = false;
  const Objects& o = p.objects;
  each_buffer(p, [&](const char* given, auto& data, DType dtype, Sizes sizes, Use use) {
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(data)>, const int32_t*>) {
      if (dtype != DType::kInt32 || (use != Use::kInput && use != Use::kOptional)) return;
      const std::string_view name = given;
      const int64_t n = elements_of(sizes);
      if (name == "polygonRings") {
        data = make_offsets(o.rings, o.points, 3, buffers, input);
      } else if (name == "polygonObjects") {
        data = make_offsets(o.count, o.rings, 1, buffers, input);
      } else if (name == "matches" || name == "maskMatches") {
        data = make_matches(n, o.count, buffers, input);
      } else {
        data = make_labels(n, p.classes, buffers, input);
        bad = bad || has_bad(data, n, p.classes);
      }
    }
  });
  const auto found = find_bad_input(p);
  if (bad && !found) fail("a bad label passed");
  if (found && !bad && !p.makes_targets()) fail("good labels were refused");
  return !found;
}

void try_steps(Input input) {
  static const auto& backends = *new std::vector(open_backends());
  Buffers inputs;
  Problem first = shape_of(input);
  if (!backends.front()->makes_targets()) first.box.source = first.mask.source = TargetSource::kTensor;
  read_options(first, input);
  make_inputs(first, inputs, input);
  Problem second = first;
  if (!make_indices(first, inputs, input) || !make_indices(second, inputs, input)) return;
  const uint64_t before = inputs.hash();
  for (const auto& backend : backends) {
    const Outputs kept(first, input), fresh(first, input);
    run(*backend, kept.in(first));
    run(*backend, kept.in(second));
    second.box.fill = second.mask.fill = GradFill::kFresh;
    run(*backend, fresh.in(second));
    second.box.fill = second.mask.fill = first.box.fill;
    if (!(kept.gradients == fresh.gradients))
      fail(backend->description() + ": a step depends on the one before");
  }
  if (inputs.hash() != before) fail("inputs changed");
}

}  // namespace
}  // namespace roi::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roi::fuzz::try_steps({data, size});
  return 0;
}
