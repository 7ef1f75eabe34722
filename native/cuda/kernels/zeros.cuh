#pragma once

#include "elements.cuh"
#include "factors.cuh"

// Zeros in the gradient of the mask logits, which all channels but the label's have.

namespace roi::cuda {

/// In `count` elements of a channel, or of channels that lie one behind the other, from element `first` on,
/// by the threads `worker` of `workers`. `first` and `count` are as aligned as MaskParams::zero_bytes says.
template <class T, int kBytes = kWidestAccess>
ROI_GPU void write_zeros(const MaskParams& m, int64_t first, int count, int worker, int workers) {
  if constexpr (kBytes < 8) {
    const float zero = 0;
#pragma unroll 1
    for (int i = worker; i < count; i += workers)
      store_floats<T, 1>(m.grad, first + int64_t{i} * m.grad_strides.pixel, &zero);
  } else if (m.zero_bytes < kBytes) {
    write_zeros<T, kBytes / 2>(m, first, count, worker, workers);
  } else {
    using Word = typename Element<T>::Word;
    constexpr int kWidth = kBytes / sizeof(Word);
    auto* words = static_cast<Word*>(m.grad) + first;
#pragma unroll 4
    for (int i = worker * kWidth; i < count; i += workers * kWidth)
      store_once(reinterpret_cast<Words<kBytes>*>(words + i), {});
  }
}

/// `fill: rewrite`: zeros in all of a RoI's gradient but the label's channel, a slice of it a block.
template <class T>
ROI_GPU void fill_slice(const StepParams& params, int task) {
  const MaskParams& m = params.mask;
  const MaskStrides& strides = m.grad_strides;
  const int p = task / kFillSlices, slice = task % kFillSlices;
  const int32_t label = load(params.mask_labels + p);
  const bool foreground = label >= 1 && label < params.classes;
  const int channel = foreground ? strides.scale * label + strides.offset : -1;
  const int elements = strides.roi;
  constexpr int kAligned = kWidestAccess / sizeof(typename Element<T>::Word);
  const int share = (elements / kFillSlices / kAligned + 1) * kAligned;
  const int begin = slice * share, end = begin + share < elements ? begin + share : elements;
  const int64_t first = int64_t{p} * strides.roi;
  const float zero = 0;
  if (strides.pixel == 1) {
    const int kept = channel < 0 ? end : channel * m.pixels, after = kept + m.pixels;
    const int before = kept < end ? kept : end, behind = after > begin ? after : begin;
    write_zeros<T>(m, first + begin, before - begin, thread(), kBlock);
    write_zeros<T>(m, first + behind, end - behind, thread(), kBlock);
  } else {
#pragma unroll 1
    for (int i = begin + thread(); i < end; i += kBlock)
      if (i % strides.pixel != channel) store_floats<T, 1>(m.grad, first + i, &zero);
  }
}

}  // namespace roi::cuda
