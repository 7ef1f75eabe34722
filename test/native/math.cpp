// Walks the floats through the vector functions that the losses are made of and prints, for each, the largest
// error against double precision, in units in the last place of the float result. `math_<simd> 1` tries every
// float.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "../../native/cpu/math.h"
#include "../../native/formulas/bce.h"
#include "../../native/formulas/dice.h"

using namespace roi;
using namespace roi::ROI_SIMD;

namespace {

constexpr double kMinNormal = 0x1p-126;
constexpr uint32_t kInfinityBits = 0x7f800000, kSixteenBits = 0x41800000, kLargestDecayBits = 0x71800000,
                   kSignBit = 0x80000000;

float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// In ulps of the exact result; subnormal results count as those of the smallest normal number.
double error_in_ulps(float got, double exact) {
  const double size = std::fmax(std::fabs(exact), kMinNormal);
  const double ulp = std::ldexp(1.0, std::ilogb(size) - 23);
  return std::fabs(static_cast<double>(got) - exact) / ulp;
}

/// Tries every stride-th float from first to last (as bits) and prints the worst.
template <class Function, class Exact>
void walk(const char* name, uint32_t first, uint32_t last, uint32_t stride, Function function, Exact exact) {
  double worst = 0;
  float worst_at = 0;
  uint64_t tried = 0, not_finite = 0;
  for (uint64_t begin = first; begin <= last; begin += uint64_t{kLanes} * stride) {
    float x[kLanes], y[kLanes];
    for (uint64_t i = 0; i < kLanes; i++) {
      const uint64_t bits = begin + i * stride;
      x[i] = float_of(static_cast<uint32_t>(bits <= last ? bits : last));
    }
    store(y, function(load(x, AllLanes{})), AllLanes{});
    for (int i = 0; i < kLanes; i++) {
      tried++;
      if (!std::isfinite(y[i])) not_finite++;
      const double error = error_in_ulps(y[i], exact(static_cast<double>(x[i])));
      if (error > worst) {
        worst = error;
        worst_at = x[i];
      }
    }
  }
  std::printf(
      "{\"simd\": \"%s\", \"name\": \"%s\", \"tried\": %llu, \"notFinite\": %llu, \"ulps\": %.4f, \"at\": "
      "%.9g}\n",
      ROI_SIMD_NAME, name, static_cast<unsigned long long>(tried),
      static_cast<unsigned long long>(not_finite), worst, static_cast<double>(worst_at));
}

/// A function must give a NaN for a NaN.
template <class Function>
void check_nan(const char* name, Function function) {
  const Floats y = function(Floats(std::numeric_limits<float>::quiet_NaN()));
  std::printf("{\"simd\": \"%s\", \"name\": \"%s\", \"nan\": %s}\n", ROI_SIMD_NAME, name,
              std::isnan(y.v[0]) ? "true" : "false");
}

Floats sigmoid_tail(Floats z) { return -pixel(z, Floats(0.0f)).minus_tail; }
/// bce against 0 is log(1 + e^z).
Floats softplus(Floats z) {
  const auto p = pixel(z, Floats(0.0f));
  return bce::value(bce::linear(p), p.decay);
}

}  // namespace

int main(int argc, char** argv) {
  const auto stride = static_cast<uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 61);
  const auto exp = [](Floats x) { return exp_nonpositive(x); };
  const auto log1p = [](Floats x) { return log1p_nonnegative(x); };
  // Where the float nearest to x·log₂e is −127.
  const auto exact_exp = [](double x) { return x * 1.44269502162933 < -126.5 ? 0 : std::exp(x); };
  const uint32_t most = kInfinityBits - 1;
  walk("exp_nonpositive down to −16", kSignBit, kSignBit | kSixteenBits, stride, exp, exact_exp);
  walk("exp_nonpositive below", kSignBit | kSixteenBits, kSignBit | kInfinityBits, stride, exp, exact_exp);
  walk("log1p_nonnegative", 0, kLargestDecayBits, stride, log1p, [](double x) { return std::log1p(x); });
  const auto exact_tail = [&](double z) { return exact_exp(-std::fabs(z)) / (1 + std::exp(-std::fabs(z))); };
  walk("sigmoid_tail", 0, most, stride, sigmoid_tail, exact_tail);
  walk("sigmoid_tail of negatives", kSignBit, kSignBit | most, stride, sigmoid_tail, exact_tail);
  walk("softplus", 0, most, stride, softplus, [](double z) { return z + std::log1p(std::exp(-z)); });
  walk("softplus of negatives", kSignBit, kSignBit | most, stride, softplus,
       [&](double z) { return std::log1p(exact_exp(z)); });
  check_nan("exp_nonpositive", exp);
  check_nan("log1p_nonnegative", log1p);
  check_nan("sigmoid_tail", sigmoid_tail);
  check_nan("softplus", softplus);
}
