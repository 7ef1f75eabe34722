#pragma once

#include <type_traits>

#include "../problem.h"

namespace roi::cuda {

/// What a step does with a buffer.
enum class Use { kRead, kWritten };

/// Calls visit(pointer, bytes, use) for each buffer of a problem that has a device's copy; the pointers may
/// be changed. Class weights and upstream gradients, which are the host's in any case, are left out.
template <class Visit>
void each_buffer(Problem& p, Visit visit) {
  const auto input = [&](const auto*& pointer, int64_t elements, DType dtype) {
    void* data = const_cast<void*>(static_cast<const void*>(pointer));
    visit(data, static_cast<size_t>(elements * size_of(dtype)), Use::kRead);
    pointer = static_cast<std::remove_reference_t<decltype(pointer)>>(data);
  };
  const auto output = [&](auto*& pointer, int64_t elements, DType dtype) {
    if (!pointer) return;
    void* data = pointer;
    visit(data, static_cast<size_t>(elements * size_of(dtype)), Use::kWritten);
    pointer = static_cast<std::remove_reference_t<decltype(pointer)>>(data);
  };
  const bool shares_labels = p.mask_labels == p.labels;
  if (p.labels) input(p.labels, p.rois, DType::kInt32);
  if (p.mask.enabled && !shares_labels) input(p.mask_labels, p.mask_rois, DType::kInt32);
  if (shares_labels) p.mask_labels = p.labels;
  if (p.cls.enabled) {
    input(p.cls.scores, p.rois * p.classes, p.cls.dtype);
    if (p.cls.gradient) output(p.cls.grad, p.rois * p.classes, p.cls.dtype);
    output(p.cls.per_roi, p.rois, DType::kFloat32);
  }
  if (p.box.enabled) {
    input(p.box.deltas, p.rois * p.box.channels * 4, p.box.dtype);
    input(p.box.targets, p.rois * 4, p.box.target_dtype);
    if (p.box.gradient) output(p.box.grad, p.rois * p.box.channels * 4, p.box.dtype);
    output(p.box.per_roi, p.rois, DType::kFloat32);
  }
  if (p.mask.enabled) {
    const int64_t channels = p.mask.compact_grad ? 1 : p.mask.channels, pixels = p.mask.pixels();
    input(p.mask.logits, p.mask_rois * p.mask.channels * pixels, p.mask.dtype);
    input(p.mask.targets, p.mask_rois * pixels, p.mask.target_dtype);
    if (p.mask.gradient) output(p.mask.grad, p.mask_rois * channels * pixels, p.mask.dtype);
    output(p.mask.per_roi, p.mask_rois, DType::kFloat32);
  }
}

}  // namespace roi::cuda
