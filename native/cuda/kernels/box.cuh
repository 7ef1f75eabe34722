#pragma once

#include "elements.cuh"
#include "factors.cuh"
#include "math.cuh"

// After math.cuh.
#include "../../formulas/smooth_l1.h"

// The box loss of a tile of RoIs, a thread each: the deltas of one class of one RoI are one vector.

namespace roi::cuda {

template <class T>
ROI_GPU void load_box(const void* tensor, int64_t first, bool vector, float (&x)[4]) {
  if (vector) return load_floats<T, 4>(tensor, first, x);
#pragma unroll
  for (int k = 0; k < 4; k++) load_floats<T, 1>(tensor, first + k, x + k);
}

template <class T>
ROI_GPU void store_box(void* tensor, int64_t first, bool vector, const float (&x)[4]) {
  if (vector) return store_floats<T, 4>(tensor, first, x);
#pragma unroll
  for (int k = 0; k < 4; k++) store_floats<T, 1>(tensor, first + k, x + k);
}

/// The channel of a label, or −1 if it is not foreground.
ROI_GPU int box_channel(const StepParams& params, int label) {
  if (label < 1 || label >= params.classes) return -1;
  return static_cast<int>(channel_of(label, params.box.channels, params.classes));
}

/// The loss of RoI r, and its gradient in the label's channel.
template <class T>
ROI_GPU float box_roi(const BoxParams& term, int r, int channel) {
  const int64_t first = (int64_t{r} * term.channels + channel) * 4;
  float deltas[4], targets[4], grad[4];
  load_box<T>(term.deltas, first, term.vector, deltas);
  with_float_type(term.target_dtype, [&](auto target) {
    load_box<decltype(target)>(term.targets, int64_t{r} * 4, term.target_vector, targets);
  });
  const float scale = grad_scale(term, block_state().box, r);
  float loss = 0;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    const float d = deltas[k] - targets[k];
    loss += smooth_l1::value(d, term.beta);
    grad[k] = smooth_l1::derivative(d, term.beta) * scale;
  }
  if (term.gradient) store_box<T>(term.grad, first, term.vector, grad);
  return finite_or_nan(loss);
}

/// The label of the thread's RoI, read a tile ahead.
ROI_GPU int read_box_label(const StepParams& params, int tile) {
  const int r = tile * kBoxTile + thread();
  return tile < params.tasks.box && r < params.rois ? load(params.labels + r) : -1;
}

template <class T>
ROI_GPU void prefetch_box_tile(const StepParams& params, int tile, int label) {
  const BoxParams& term = params.box;
  const int r = tile * kBoxTile + thread();
  const int channel = box_channel(params, label);
  if (channel < 0) return;
  const int64_t first = (int64_t{r} * term.channels + channel) * 4;
  prefetch(static_cast<const typename Element<T>::Word*>(term.deltas) + first);
  prefetch(static_cast<const char*>(term.targets) + int64_t{r} * 4 * element_bytes(term.target_dtype));
}

template <class T>
ROI_GPU void box_tile(const StepParams& params, int tile, int label) {
  const BoxParams& term = params.box;
  const float zeros[4] = {};
  const int begin = tile * kBoxTile, r = begin + thread();
  const int end = begin + kBoxTile < params.rois ? begin + kBoxTile : params.rois;
  if (r < end) {
    if (is_bad(label, params.classes)) report_bad_label(params, false, r);
    const int channel = box_channel(params, label);
    if (term.gradient && term.fill == GradFill::kSparse) {
      const int before = load_fresh(term.written + r) - 1;
      if (before >= 0 && before != channel)
        store_box<T>(term.grad, (int64_t{r} * term.channels + before) * 4, term.vector, zeros);
      store(term.written + r, channel + 1);
    }
    store_loss(term, block_state().box, r, channel >= 0 ? box_roi<T>(term, r, channel) : 0.0f);
  }
  if (!term.gradient || term.fill != GradFill::kRewrite) return;
  // Zeros in all the other channels, neighbours by neighbours.
  const int channels = term.channels, n = (end - begin) * channels;
#pragma unroll 2
  for (int i = thread(); i < n; i += kBlock) {
    const int row = i / channels;
    if (i - row * channels != box_channel(params, load(params.labels + begin + row)))
      store_box<T>(term.grad, (int64_t{begin} * channels + i) * 4, term.vector, zeros);
  }
}

}  // namespace roi::cuda
