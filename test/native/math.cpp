// Walks the floats through the functions that the losses are made of, as a backend computes them, and prints
// what it found about each as a line of JSON. `math_<simd> STRIDE [PART PARTS]`: every STRIDE-th float, in
// the PART-th of PARTS pieces of their range. With a stride of 1 and one piece these are all 2^32.

#include <cstdlib>
#include <limits>

#include "figures.h"

#ifdef ROI_SIMD_NAME
#include "../../native/cpu/math.h"
#else
// The CUDA kernels', see model/gpu.cuh.
#include "../../native/cuda/kernels/math.cuh"
#endif
#include "../../native/formulas/bce.h"
#include "../../native/formulas/dice.h"

namespace {

using namespace roi;
using test::Figures;

// How the backend calls them: apply(x, y, f) puts f of each number of x into y, and each_pixel(z, target,
// visit) calls visit(pixel, put) for them as logits, where put(y, a) puts what it made of the pixel into y.
#ifdef ROI_SIMD_NAME
using namespace roi::ROI_SIMD;

constexpr uint64_t kAtOnce = 2 * kLanes;
constexpr double kLimit = std::numeric_limits<double>::infinity();
constexpr int kErrors[] = {0};
void assume_error(int) {}

template <class Function>
ROI_INLINE void apply(const float* x, float* y, Function function) {
  for (uint64_t i = 0; i < kAtOnce; i += kLanes) store(y + i, function(load(x + i, AllLanes{})), AllLanes{});
}
template <class Visit>
ROI_INLINE void each_pixel(const float* z, float target, Visit visit) {
  visit(pixel(load(z, TwoVectors{}), Pair(target)), [](float* y, Pair a) { store(y, a, TwoVectors{}); });
}
/// The sums over pixels hold one vector each.
ROI_INLINE Pair bce_value(const Pixel<Pair>& p) {
  const Pair linear = bce::linear(p, -p.error);
  return {bce::value(linear.a, p.decay.a), bce::value(linear.b, p.decay.b)};
}
#else
constexpr uint64_t kAtOnce = 16;
constexpr double kLimit = 1e30;  // of logits, as the README says
constexpr int kErrors[] = {-1, 1};
void assume_error(int error) { gpu::instruction_error = error; }

template <class Function>
ROI_GPU void apply(const float* x, float* y, Function function) {
  for (uint64_t i = 0; i < kAtOnce; i++) y[i] = function(x[i]);
}
template <class Visit>
ROI_GPU void each_pixel(const float* z, float target, Visit visit) {
  for (uint64_t i = 0; i < kAtOnce; i++) visit(pixel(z[i], target), [i](float* y, float a) { y[i] = a; });
}
ROI_GPU float bce_value(const Pixel<float>& p) { return bce::value(bce::linear(p, -p.error), p.decay); }
#endif

using Numbers = float[kAtOnce];

/// All functions, over magnitudes that grow: of z ≥ 0, and of z ≤ 0 going down.
class Walk {
 public:
  void begin() {
    for (Figures* figures : all_) figures->begin();
  }

  void visit(float x) {
    Numbers up;
    for (float& each : up) each = x;
    visit(up);
  }

  /// Of which the first so many are `known`.
  void visit(const Numbers& up, uint64_t known = 0) {
    known_ = known;
    Numbers down;
    for (uint64_t i = 0; i < kAtOnce; i++) {
      down[i] = -up[i];
      z_[i] = static_cast<double>(up[i]);
      decay_[i] = std::exp(-z_[i]);
      log_[i] = std::log1p(decay_[i]);
      tail_of_[i] = decay_[i] / (1 + decay_[i]);
    }
    visit_logarithm(up);
    visit_exponential(down);
    visit_positive(up);
    visit_negative(down);
    visit_soft(up, down);
  }

  void print() const {
    for (const Figures* figures : all_) figures->print();
  }

 private:
  template <class Exact>
  void add(Figures& figures, const Numbers& x, const Numbers& y, Exact exact) const {
    for (uint64_t i = 0; i < kAtOnce; i++) figures.add(x[i], y[i], exact(i), i < known_);
  }

  void visit_exponential(const Numbers& down) {
    Numbers y;
    apply(down, y, [](auto x) { return exp_nonpositive(x); });
    for (uint64_t i = 0; i < kAtOnce; i++) {
      if (!(down[i] < -16.0f) || std::isinf(down[i])) exp_near_.add(down[i], y[i], decay_[i], i < known_);
      if (!(down[i] >= -16.0f)) exp_far_.add(down[i], y[i], decay_[i], i < known_);
    }
  }

  void visit_logarithm(const Numbers& up) {
    Numbers y;
    apply(up, y, [](auto x) { return log1p_nonnegative(x); });
    add(log1p_, up, y, [&](uint64_t i) { return std::log1p(z_[i]); });
  }

  void visit_positive(const Numbers& up) {
    Numbers tail, value, derivative, mismatch, slope;
    each_pixel(up, 0.0f, [&](const auto& p, auto put) {
      put(tail, p.tail);
      put(value, bce_value(p));
      put(derivative, bce::derivative(p, -p.error, decltype(p.decay)(1.0f)));
      put(mismatch, dice::mismatch(p));
      put(slope, dice::derivative(dice::Derivative{-1, 0}, p.tail, p.tail));
    });
    add(tail_, up, tail, [&](uint64_t i) { return tail_of_[i]; });
    add(bce_, up, value, [&](uint64_t i) { return z_[i] + log_[i]; });
    const auto sigmoid = [&](uint64_t i) { return 1 / (1 + decay_[i]); };
    add(derivative_, up, derivative, sigmoid);
    add(mismatch_, up, mismatch, sigmoid);
    add(slope_, up, slope, [&](uint64_t i) { return tail_of_[i] / (1 + decay_[i]); });
  }

  void visit_negative(const Numbers& down) {
    Numbers value, derivative, mismatch;
    each_pixel(down, 0.0f, [&](const auto& p, auto put) {
      put(value, bce_value(p));
      put(derivative, bce::derivative(p, -p.error, decltype(p.decay)(1.0f)));
      put(mismatch, dice::mismatch(p));
    });
    const auto tail = [&](uint64_t i) { return tail_of_[i]; };
    add(bce_of_negatives_, down, value, [&](uint64_t i) { return log_[i]; });
    add(derivative_of_negatives_, down, derivative, tail);
    add(mismatch_of_negatives_, down, mismatch, tail);
  }

  /// Against a target between the two.
  void visit_soft(const Numbers& up, const Numbers& down) {
    constexpr float kTarget = 0.3f;
    constexpr auto target = static_cast<double>(kTarget);
    Numbers value;
    each_pixel(up, kTarget, [&](const auto& p, auto put) { put(value, bce_value(p)); });
    add(soft_bce_, up, value, [&](uint64_t i) { return z_[i] * (1 - target) + log_[i]; });
    each_pixel(down, kTarget, [&](const auto& p, auto put) { put(value, bce_value(p)); });
    add(soft_bce_of_negatives_, down, value, [&](uint64_t i) { return z_[i] * target + log_[i]; });
  }

  uint64_t known_ = 0;
  // Exactly, of the magnitudes.
  double z_[kAtOnce], decay_[kAtOnce], log_[kAtOnce], tail_of_[kAtOnce];

  Figures exp_near_{"exp_nonpositive down to −16", -1}, exp_far_{"exp_nonpositive below", -1, kLimit},
      log1p_{"log1p_nonnegative", 1}, tail_{"σ(−|z|)", -1, kLimit}, bce_{"bce against 0, z ≥ 0", 1, kLimit},
      bce_of_negatives_{"bce against 0, z ≤ 0", -1, kLimit}, soft_bce_{"bce against 0.3, z ≥ 0", 1, kLimit},
      soft_bce_of_negatives_{"bce against 0.3, z ≤ 0", 0, kLimit},
      derivative_{"bce's derivative against 0, z ≥ 0", 1, kLimit},
      derivative_of_negatives_{"bce's derivative against 0, z ≤ 0", -1, kLimit},
      mismatch_{"dice's mismatch against 0, z ≥ 0", 1, kLimit},
      mismatch_of_negatives_{"dice's mismatch against 0, z ≤ 0", -1, kLimit},
      slope_{"dice's derivative, σ′(z)", -1, kLimit};
  Figures* const all_[13] = {&exp_near_,   &exp_far_,
                             &log1p_,      &tail_,
                             &bce_,        &bce_of_negatives_,
                             &soft_bce_,   &soft_bce_of_negatives_,
                             &derivative_, &derivative_of_negatives_,
                             &mismatch_,   &mismatch_of_negatives_,
                             &slope_};
};

uint64_t argument(int argc, char** argv, int i, uint64_t otherwise) {
  return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t stride = argument(argc, argv, 1, 61), part = argument(argc, argv, 2, 0),
                 parts = argument(argc, argv, 3, 1);
  constexpr uint64_t kMagnitudes = uint64_t{1} << 31;  // NaNs among them
  const uint64_t count = (kMagnitudes + stride - 1) / stride;
  const uint64_t first = count * part / parts, last = count * (part + 1) / parts;
  Walk walk;
  for (const int error : kErrors) {
    assume_error(error);
    walk.visit(std::numeric_limits<float>::infinity());
    if (part == 0) walk.visit(-std::numeric_limits<float>::quiet_NaN());  // the walk's are positive
    walk.begin();
    // From the last of the piece before, so that no step from one to the next is missed.
    uint64_t known = first > 0;
    for (uint64_t begin = first - known; begin < last; begin += kAtOnce) {
      Numbers up;
      for (uint64_t i = 0; i < kAtOnce; i++) {
        const uint64_t index = begin + i < last ? begin + i : last - 1;
        up[i] = test::float_of(static_cast<uint32_t>(index * stride));
      }
      walk.visit(up, known);
      known = 0;
    }
  }
  walk.print();
}
