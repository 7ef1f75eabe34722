#pragma once

#include <vector>

#include "boxes.h"
#include "thread_pool.h"

namespace roi {

/// Matches boxes with objects over threads. Has all the memory that it takes, so that `run` allocates
/// nothing.
class Matcher {
 public:
  Matcher(const MatchProblem& problem, int threads, const BoxKernels& kernels);
  void run(ThreadPool& pool);

 private:
  /// Room for objects by coordinate.
  struct Columns {
    explicit Columns(int64_t most);
    void clear();
    void add(const float* box, int64_t index);
    ObjectColumns view;
    std::vector<float> floats;
    std::vector<int32_t> ints;
  };
  struct ThreadState {
    std::vector<int32_t> candidates;
    std::vector<float> most;
  };

  void pass(ThreadPool& pool, MatchPass::Kind kind);
  /// The largest IoU of each object, over all threads.
  void combine_most();

  const MatchProblem problem_;
  const BoxKernels& kernels_;
  Columns objects_, crowds_;
  std::vector<ThreadState> threads_;
  bool all_are_best_ = false;
};

/// Greedy non-maximum suppression, as torchvision's nms and batched_nms: the boxes that no box of a higher
/// score that is kept itself has an IoU above `threshold` with, by descending score; of equal ones the first
/// comes first. With `labels` [n] only boxes of one label suppress each other. Scores are numbers.
std::vector<int32_t> nms(const float* box, const float* scores, const int32_t* labels, int64_t n,
                         double threshold, const BoxKernels& kernels);

}  // namespace roi
