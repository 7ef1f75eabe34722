#pragma once

#include <napi.h>

namespace roi {

// Over typed arrays, on the calling thread. `out` is as long as the result.

/// encodeBoxes(proposals, gtBoxes, matches?, deltaWeights, out): [N, 4].
void encode_boxes(const Napi::CallbackInfo& info);
/// decodeBoxes(proposals, deltas, deltaWeights, out): [N, K, 4].
void decode_boxes(const Napi::CallbackInfo& info);
/// clipBoxes(boxes, width, height, out).
void clip_boxes(const Napi::CallbackInfo& info);
/// nms(boxes, scores, labels?, threshold, simd?): the indices of those that are kept, an Int32Array.
Napi::Value nms(const Napi::CallbackInfo& info);
/// sampleRois(labels, count, foreground, seed, inPlace): the indices of those that are taken, an Int32Array;
/// or sets the labels of all others to −1.
Napi::Value sample_rois(const Napi::CallbackInfo& info);

}  // namespace roi
