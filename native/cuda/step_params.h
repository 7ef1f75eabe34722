#pragma once

#include <cstdint>

#include "../formulas/smoothed_bce.h"
#include "../problem.h"

// What a launch is told and what it leaves: plain data that the host and the kernels share.

namespace roi::cuda {

/// Threads of a block. The kernels are written for it.
constexpr int kBlock = 256;
constexpr int kWarps = kBlock / 32;
/// Blocks that a multiprocessor holds, by their registers.
constexpr int kBlocksOfMultiprocessor = 2;
/// RoIs of a task: at most this many class rows, a thread each for boxes.
constexpr int kClassTile = kWarps;
constexpr int kBoxTile = kBlock;
/// Classes that a warp holds: rows of so many always come through shared memory, eight at a time.
constexpr int kHeldClasses = 128;
/// Of a mask a thread holds this many quads, of four pixels each, at once; or pixels, where they do not lie
/// together.
constexpr int kMaskQuads = 7;
/// A RoI's gradient is rewritten in this many tasks, so that they spread evenly over the blocks.
constexpr int kFillSlices = 4;

/// Class, box and mask, in this order wherever they are numbered.
constexpr int kTerms = 3;

struct TermParams {
  bool enabled, gradient, metrics;
  double weight;
  double divisor;         ///< of the loss; 0 is the count of RoIs, found by the kernel
  double grad_scale;      ///< on top of weight / divisor
  const float* upstream;  ///< [rois], or null
  float* per_roi;         ///< [rois], or null
  float* losses;          ///< [rois], workspace, aligned to 4 of them: before weight and reduction
};

struct ClassParams : TermParams {
  bool probabilities;
  bool held;             ///< a warp holds a row of logits in its registers
  bool aligned;          ///< scores and gradient begin at multiples of kStagedSlack
  int tile;              ///< rows of a task: kClassTile, a warp each, or one
  int staged_bytes;      ///< of shared memory that a task's rows go through; 0 where they are too long
  const void* scores;    ///< [R, C]
  void* grad;            ///< [R, C]
  const float* weights;  ///< [C], or null
  float label_share, even,
      even_total;  ///< the target of a label of weight 1, as cross_entropy::Target has it
  float eps;
};

struct BoxParams : TermParams {
  int channels;
  DType target_dtype;
  bool vector, target_vector;  ///< aligned to 4 elements
  GradFill fill;
  const void* deltas;   ///< [R, channels, 4]
  const void* targets;  ///< [R, 4]
  void* grad;           ///< as deltas
  int32_t* written;     ///< [R]: 1 + the channel that the step before wrote, or 0
  float beta;
};

/// Where the pixels of a mask lie in a tensor of masks: RoI p's channel c begins at element p·roi +
/// c·channel, c being scale·label + offset, and its pixels are `pixel` apart.
struct MaskStrides {
  int roi, channel, pixel;
  int scale, offset;
};

struct MaskParams : TermParams {
  int pixels;
  int together;         ///< so many quads, 1, 2 or 4, are neighbours, aligned in all tensors, and divide the
                        ///< pixels; 0: not even one, or targets not floats, bytes or of the logits' type
  int log2_quad_bytes;  ///< of the wider of logits and targets
  int zero_bytes;  ///< of the gradient that zeros can be written to at once, a power of 2; below 8 it is one
                   ///< element
  int warps, log2_warps;  ///< of a RoI: 1, 2, 4 or 8, of the kWarps that a task has
  int share;              ///< pixels of each of them, side by side; the last may have fewer
  int pieces;             ///< of a share, each as many pixels as a warp holds
  int turns;              ///< of a warp: a piece each, of which dice takes all but the last once more
  DType target_dtype;
  int log2_target_size;  ///< of a target in bytes
  GradFill fill;
  MaskStrides logit_strides, grad_strides;
  const void* logits;
  const void* targets;  ///< [P, pixels]
  void* grad;
  int32_t* written;           ///< [P], as for boxes; null unless gradients are sparse
  float cross_entropy_pixel;  ///< the weight of a pixel's cross-entropy
  smoothed_bce::Smoothing smoothing;
  float dice, eps;
  bool general;  ///< a kind was chosen that has no loop of its own: all go through the general one
  MaskLosses::As<float> kinds;
};

/// What a step leaves, in memory of the host.
struct StepResult {
  double losses[kTerms];                  ///< weights included
  uint64_t counters[kCounters];           ///< 0 without metrics
  uint64_t bad_index[kCheckedByKernels];  ///< of the first bad value of each CheckedInput, or kNoIndex
  double bad_value[kCheckedByKernels];
};
constexpr uint64_t kNoIndex = ~uint64_t{0};

/// What the blocks of a launch share; every launch leaves it as it found it.
struct Workspace {
  unsigned long long bad_index[kCheckedByKernels];  ///< kNoIndex
  unsigned long long counters[kCounters];           ///< 0
  unsigned finished;                                ///< 0: blocks that are done
};

/// The tasks of a launch, in their order.
struct Tasks {
  int cls, box, mask, fill;
};

struct StepParams {
  int rois, mask_rois, classes;
  Tasks tasks;
  const int32_t* labels;       ///< [R]
  const int32_t* mask_labels;  ///< [P]
  bool own_mask_labels;        ///< they are not `labels`
  ClassParams cls;
  BoxParams box;
  MaskParams mask;
  Workspace* workspace;
  StepResult* result;
};

/// Factors of one term: reduced loss = Σ perRoi · loss, gradient = upstream_r · ∂perRoi · grad.
struct Factors {
  double loss;
  float grad;
};

/// The part of a block's shared memory that every task uses; rows of class scores follow it.
struct alignas(16) BlockState {
  double scratch[kTerms * kWarps];
  int class_labels[kClassTile];
  float class_losses[kClassTile];
  Factors cls, box, mask;                          ///< of the terms
  unsigned long long counters[kWarps][kCounters];  ///< of the metrics, each warp for itself
  bool suspect[kBlock];                            ///< whether a thread came upon a suspect mask target
  bool is_last;                                    ///< of the launch's blocks to finish
};

/// Bytes of shared memory for the class rows of a task, which lie there as far from a multiple of 32 bytes as
/// in the tensor. With the state of the block they are within the 48 KiB that every launch may ask for.
constexpr int kMaxStagedBytes = 46 * 1024;
constexpr int kStagedSlack = 32;
static_assert(sizeof(BlockState) + kMaxStagedBytes <= 48 * 1024);

}  // namespace roi::cuda
