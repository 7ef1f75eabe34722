#include "launch.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "../formulas/cross_entropy.h"
#include "../formulas/smoothed_bce.h"

namespace roi::cuda {
namespace {

/// Whether so many elements that begin at a multiple of their number lie at a multiple of their size.
bool is_aligned(const void* tensor, DType dtype, int64_t elements = 4) {
  return reinterpret_cast<uintptr_t>(tensor) % static_cast<uintptr_t>(elements * size_of(dtype)) == 0;
}

/// Without a gradient nothing is stored, but threads walk along it all the same: an offset to null would be
/// undefined.
void* along(const void* input, void* grad) { return grad ? grad : const_cast<void*>(input); }

/// How many tasks of `tile` RoIs each.
int tiles(int64_t rois, int tile) { return static_cast<int>((rois + tile - 1) / tile); }

TermParams term_params(const Term& term, float* losses) {
  TermParams p{};
  p.enabled = true;
  p.gradient = term.gradient;
  p.metrics = term.metrics;
  p.weight = term.weight;
  p.divisor = term.reduction != Reduction::kMean ? 1 : term.normalizer;
  p.grad_scale = term.grad_scale;
  p.upstream = term.upstream;
  p.per_roi = term.per_roi;
  p.losses = losses;
  return p;
}

ClassParams class_params(const ClassTerm& term, int64_t classes, double weight_sum, float* losses) {
  ClassParams p{};
  static_cast<TermParams&>(p) = term_params(term, losses);
  p.probabilities = term.probabilities;
  const auto bytes_of = [&](int rows) { return rows * classes * size_of(term.dtype) + kStagedSlack; };
  p.tile = bytes_of(kClassTile) <= kMaxStagedBytes ? kClassTile : 1;
  p.staged_bytes = bytes_of(p.tile) <= kMaxStagedBytes ? static_cast<int>(bytes_of(p.tile)) : 0;
  p.held = !term.probabilities && classes <= kHeldClasses;
  const auto off = reinterpret_cast<uintptr_t>(term.scores) | reinterpret_cast<uintptr_t>(term.grad);
  p.aligned = off % kStagedSlack == 0;
  p.scores = term.scores;
  p.grad = along(term.scores, term.grad);
  p.weights = term.weights;
  static_assert(ClassLosses::kCount == 1, "the kernel computes the one without looking which was chosen");
  const auto& softmax = term.kinds.of<Softmax>().options;
  const auto target =
      cross_entropy::target(1.0, weight_sum, softmax[Softmax::kLabelSmoothing], static_cast<double>(classes));
  p.label_share = target.label;
  p.even = target.even;
  p.even_total = target.even_total;
  p.eps = static_cast<float>(softmax[Softmax::kEps]);
  return p;
}

BoxParams box_params(const BoxTerm& term, float* losses) {
  BoxParams p{};
  static_cast<TermParams&>(p) = term_params(term, losses);
  p.channels = static_cast<int>(term.channels);
  p.target_dtype = term.target_dtype;
  p.vector = is_aligned(term.deltas, term.dtype) && is_aligned(term.grad, term.dtype);
  p.target_vector = is_aligned(term.targets, term.target_dtype);
  p.fill = term.fill;
  p.deltas = term.deltas;
  p.targets = term.targets;
  p.grad = term.grad;
  p.written = term.written;
  static_assert(BoxLosses::kCount == 1, "the kernel computes the one without looking which was chosen");
  p.beta = static_cast<float>(term.kinds.of<SmoothL1>().options[SmoothL1::kBeta]);
  return p;
}

/// Of a tensor [P, channels, pixels], or channels last.
MaskStrides mask_strides(const MaskTerm& term, int64_t channels, int64_t classes) {
  MaskStrides s{};
  s.roi = static_cast<int>(channels * term.pixels());
  s.channel = term.channels_last ? 1 : static_cast<int>(term.pixels());
  s.pixel = term.channels_last ? static_cast<int>(channels) : 1;
  // As channel_of has it.
  s.scale = channels > 1 || channels == classes;
  s.offset = static_cast<int>(channel_of(1, channels, classes)) - s.scale;
  return s;
}

/// How many bytes at most the gradient's address and the size of a channel are multiples of, up to 32.
int alignment_of_gradient(const MaskTerm& term) {
  const auto bits = reinterpret_cast<uintptr_t>(term.grad) |
                    static_cast<uintptr_t>(term.pixels() * size_of(term.dtype)) | 32;
  return static_cast<int>(bits & -bits);
}

/// Pixels of a warp's narrowest access.
int access_of_warp(const MaskParams& p) { return (p.together > 0 ? 4 : 1) * (kBlock / kWarps); }

/// Shares begin where the widest access may.
void share_among_warps(MaskParams& p, int log2_warps) {
  constexpr int kAligned = 16;
  p.log2_warps = log2_warps;
  p.warps = 1 << log2_warps;
  p.share = ((p.pixels + p.warps - 1) / p.warps + kAligned - 1) / kAligned * kAligned;
}

MaskParams mask_params(const MaskTerm& term, int64_t classes, float* losses) {
  MaskParams p{};
  static_cast<TermParams&>(p) = term_params(term, losses);
  p.pixels = static_cast<int>(term.pixels());
  p.logit_strides = mask_strides(term, term.channels, classes);
  p.grad_strides = mask_strides(term, term.compact_grad ? 1 : term.channels, classes);
  if (term.compact_grad) p.grad_strides.scale = p.grad_strides.offset = 0;
  const bool has_quads = p.logit_strides.pixel == 1 && p.grad_strides.pixel == 1 &&
                         (term.target_dtype == DType::kFloat32 || term.target_dtype == DType::kUint8 ||
                          term.target_dtype == term.dtype);
  const auto has_vectors_of = [&](int elements) {
    return has_quads && p.pixels % elements == 0 && is_aligned(term.logits, term.dtype, elements) &&
           is_aligned(term.targets, term.target_dtype, elements) &&
           is_aligned(term.grad, term.dtype, elements);
  };
  p.together = has_vectors_of(16) ? 4 : has_vectors_of(8) ? 2 : has_vectors_of(4) ? 1 : 0;
  p.log2_quad_bytes = std::max(size_of(term.dtype), size_of(term.target_dtype)) == 4 ? 4 : 3;
  p.zero_bytes = p.grad_strides.pixel == 1 ? alignment_of_gradient(term) : 0;
  int log2_warps = 0;
  while ((1 << log2_warps) < kWarps && (kMaskQuads * access_of_warp(p) << log2_warps) < p.pixels)
    log2_warps++;
  share_among_warps(p, log2_warps);
  p.target_dtype = term.target_dtype;
  while ((int64_t{1} << p.log2_target_size) < size_of(term.target_dtype)) p.log2_target_size++;
  p.fill = term.fill;
  p.logits = term.logits;
  p.targets = term.targets;
  p.grad = along(term.logits, term.grad);
  p.written = term.gradient && term.fill == GradFill::kSparse ? term.written : nullptr;
  const auto& smoothed = term.kinds.of<SmoothedBce>();
  const auto& dice = term.kinds.of<Dice>();
  const double bce_weight = term.kinds.of<Bce>().weight;
  p.cross_entropy_pixel = static_cast<float>((bce_weight + smoothed.weight) / p.pixels);
  p.smoothing = smoothed_bce::merged(bce_weight, smoothed.weight, smoothed.options[SmoothedBce::kSmoothing]);
  p.dice = static_cast<float>(dice.weight);
  p.eps = static_cast<float>(dice.options[Dice::kEps]);
  p.general = needs_general_loop(term.kinds);
  MaskLosses::each([&](auto kind) {
    const auto& from = term.kinds.of<decltype(kind)>();
    auto& to = p.kinds.of<decltype(kind)>();
    to.weight = static_cast<float>(from.weight);
    for (int i = 0; i < kOptionsOf<decltype(kind)>; i++) to.options[i] = static_cast<float>(from.options[i]);
  });
  return p;
}

/// The tiles of masks. Where there are few, a RoI gets more warps, as long as every tile has a block of its
/// own and every warp a whole access. Other tasks have no say in it: the bits of a mask loss must not depend
/// on which other terms the step has, nor on how its gradient is written.
void spread_masks(StepParams& p, int blocks) {
  MaskParams& m = p.mask;
  const auto tiles_with = [&](int log2_warps) { return tiles(p.mask_rois, kWarps >> log2_warps); };
  while (m.warps < kWarps && m.share > access_of_warp(m) && tiles_with(m.log2_warps + 1) <= blocks)
    share_among_warps(m, m.log2_warps + 1);
  p.tasks.mask = tiles_with(m.log2_warps);
  m.pieces = (m.share - 1) / (kMaskQuads * access_of_warp(m)) + 1;
  m.turns = m.dice != 0 && m.gradient ? 2 * m.pieces - 1 : m.pieces;
}

}  // namespace

bool has_terms_of(const Problem& p, DType dtype) {
  return (p.cls.enabled && p.cls.dtype == dtype) || (p.box.enabled && p.box.dtype == dtype) ||
         (p.mask.enabled && p.mask.dtype == dtype);
}

StepParams params_of(const Problem& problem, DType dtype, double class_weight_sum, const LossRows& rows,
                     Workspace* workspace, StepResult* result, int multiprocessors) {
  StepParams p{};
  p.rois = static_cast<int>(problem.rois);
  p.classes = static_cast<int>(problem.classes);
  p.labels = problem.labels;
  p.mask_labels = problem.mask_labels;
  p.own_mask_labels = problem.own_mask_labels;
  if (problem.cls.enabled && problem.cls.dtype == dtype)
    p.cls = class_params(problem.cls, problem.classes, class_weight_sum, rows.cls);
  if (problem.box.enabled && problem.box.dtype == dtype) p.box = box_params(problem.box, rows.box);
  // Without masks their labels are not read: they may be anywhere.
  if (problem.mask.enabled && problem.mask.dtype == dtype) {
    p.mask = mask_params(problem.mask, problem.classes, rows.mask);
    p.mask_rois = static_cast<int>(problem.mask_rois);
  }
  if (p.cls.enabled) p.tasks.cls = tiles(p.rois, p.cls.tile);
  if (p.box.enabled) p.tasks.box = tiles(p.rois, kBoxTile);
  const bool rewrites = p.mask.enabled && p.mask.gradient && p.mask.fill == GradFill::kRewrite;
  p.tasks.fill = rewrites ? p.mask_rois * kFillSlices : 0;
  if (p.mask.enabled) spread_masks(p, kBlocksOfMultiprocessor * multiprocessors);
  p.workspace = workspace;
  p.result = result;
  return p;
}

int total_of(const Tasks& tasks) { return tasks.cls + tasks.box + tasks.mask + tasks.fill; }

size_t shared_bytes_of(const StepParams& p) {
  return sizeof(BlockState) + static_cast<size_t>(p.cls.staged_bytes);
}

void collect(const StepResult& from, Result& into) {
  into.class_loss += from.losses[0];
  into.box_loss += from.losses[1];
  into.mask_loss += from.losses[2];
  for (size_t i = 0; i < kCounters; i++) into.counters[i] += static_cast<double>(from.counters[i]);
}

std::optional<BadInput> bad_input_of(const StepResult& result, int64_t classes) {
  for (size_t i = 0; i < kCheckedByKernels; i++)
    if (result.bad_index[i] != kNoIndex)
      return BadInput{static_cast<CheckedInput>(i), static_cast<int64_t>(result.bad_index[i]),
                      result.bad_value[i], classes};
  return std::nullopt;
}

void check_sizes(const Problem& p) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max() / kBlock;
  // Loops look a step of the block ahead.
  constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max() - (1 << 16);
  if (std::max({p.rois, p.mask_rois, p.classes}) > kMost || p.mask.pixels() * p.mask.channels > kMostElements)
    throw std::length_error("more RoIs, classes or pixels of a RoI than a CUDA kernel can count");
}

}  // namespace roi::cuda
