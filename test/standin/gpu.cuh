#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "half.h"
#include "kernel.h"

// The header of this name in native/cuda/gpu, for a CPU: kernels that include it run, thread by thread, on
// the stand-in, and every access is checked.

#define ROI_GPU inline __attribute__((always_inline))

#define ROI_KERNEL(name, Params) ROI_STANDIN_KERNEL(name, Params)
#define ROI_STANDIN_KERNEL(name, Params)                                                               \
  static void name(const Params& params);                                                              \
  static const ::roi::standin::Registration register_##name(                                           \
      {#name, [](const void* params) { name(*static_cast<const Params*>(params)); }, sizeof(Params)}); \
  static void name([[maybe_unused]] const Params& params)

// The vector types of CUDA, with its alignments.
struct alignas(8) uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

namespace roi::gpu {

using standin::Access;
using standin::Site;

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

ROI_GPU int thread() { return standin::thread(); }
ROI_GPU int block() { return standin::block(); }
ROI_GPU int blocks() { return standin::blocks(); }

ROI_GPU void block_barrier(Site where = Site::current()) { standin::block_barrier(where); }
ROI_GPU void warp_barrier(Site where = Site::current()) { standin::warp_barrier(where); }

template <class T>
ROI_GPU T shuffle(T x, int lane, Site where = Site::current()) {
  T y;
  standin::exchange(&x, &y, sizeof x, lane % kWarp, where);
  return y;
}
template <class T>
ROI_GPU T shuffle_xor(T x, int mask, Site where = Site::current()) {
  return shuffle(x, (thread() % kWarp) ^ mask, where);
}

template <class T>
ROI_GPU T load(const T* p, Site where = Site::current(), Access access = Access::read) {
  T x;
  std::memcpy(&x, standin::global_bytes(p, sizeof x, access, where), sizeof x);
  return x;
}
template <class T>
ROI_GPU T load_once(const T* p, Site where = Site::current()) {
  return load(p, where);
}
template <class T>
ROI_GPU T load_fresh(const T* p, Site where = Site::current()) {
  return load(p, where, Access::read_fresh);
}
ROI_GPU void prefetch(const void* p, Site where = Site::current()) {
  standin::global_bytes(p, 1, Access::prefetch, where);
}
template <class T>
ROI_GPU void store(T* p, T x, Site where = Site::current()) {
  std::memcpy(standin::global_bytes(p, sizeof x, Access::write, where), &x, sizeof x);
}
template <class T>
ROI_GPU void store_once(T* p, T x, Site where = Site::current()) {
  store(p, x, where);
}

/// The widest of any GPU.
constexpr int kWidestAccess = 32;
struct alignas(32) Octet {
  float x[8];
};

/// A number in global memory that kernels on other streams may change meanwhile.
template <class T>
ROI_GPU std::atomic_ref<T> atomic(T* p, Site where) {
  return std::atomic_ref<T>(*static_cast<T*>(standin::global_bytes(p, sizeof(T), Access::update, where)));
}
ROI_GPU void atomic_add(unsigned long long* p, unsigned long long x, Site where = Site::current()) {
  atomic(p, where).fetch_add(x);
}
ROI_GPU void atomic_min(unsigned long long* p, unsigned long long x, Site where = Site::current()) {
  const auto value = atomic(p, where);
  for (unsigned long long old = value; x < old && !value.compare_exchange_weak(old, x);) {
  }
}
/// As the GPU's atomicInc, which orders nothing.
ROI_GPU unsigned atomic_next(unsigned* p, unsigned last, Site where = Site::current()) {
  const auto value = atomic(p, where);
  unsigned old = value;
  while (!value.compare_exchange_weak(old, old >= last ? 0 : old + 1)) {
  }
  return old;
}
ROI_GPU unsigned draw_ticket(unsigned* p, unsigned last, Site where = Site::current()) {
  standin::release();
  const unsigned ticket = atomic_next(p, last, where);
  standin::acquire();
  return ticket;
}

ROI_GPU unsigned char* shared_memory() { return standin::shared_address(); }
template <class T>
ROI_GPU T load_shared(const T* p, Site where = Site::current()) {
  T x;
  std::memcpy(&x, standin::shared_bytes(p, sizeof x, Access::read, where), sizeof x);
  return x;
}
template <class T>
ROI_GPU void store_shared(T* p, T x, Site where = Site::current()) {
  std::memcpy(standin::shared_bytes(p, sizeof x, Access::write, where), &x, sizeof x);
}

ROI_GPU uint32_t bits_of(float x) { return standin::as_bits(x); }
ROI_GPU float float_of(uint32_t bits) { return standin::as_float(bits); }

/// Numbers below the normal ones become 0, of the same sign, as the GPU's approximations have it.
ROI_GPU float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
ROI_GPU float exp2_approx(float x) { return flushed(std::exp2(flushed(x))); }
ROI_GPU float reciprocal_approx(float x) { return flushed(1.0f / flushed(x)); }
ROI_GPU float larger(float a, float b) { return std::fmax(a, b); }
ROI_GPU float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
ROI_GPU int64_t wide_multiply_add(int a, int b, int64_t c) { return int64_t{a} * b + c; }

ROI_GPU float float_of_float16(uint16_t bits) { return standin::float_from_float16(bits); }
ROI_GPU uint16_t float16_of(float x) { return standin::float16_from_float(x); }
ROI_GPU float float_of_bfloat16(uint16_t bits) { return standin::float_from_bfloat16(bits); }
ROI_GPU uint16_t bfloat16_of(float x) { return standin::bfloat16_from_float(x); }

template <class Widen>
ROI_GPU void widen_pair(float pair, float* x, Widen widen) {
  const uint32_t bits = bits_of(pair);
  x[0] = widen(static_cast<uint16_t>(bits)), x[1] = widen(static_cast<uint16_t>(bits >> 16));
}
ROI_GPU float pair_of(uint16_t low, uint16_t high) {
  return float_of(low | static_cast<uint32_t>(high) << 16);
}
ROI_GPU void floats_of_float16s(float pair, float* x) { widen_pair(pair, x, float_of_float16); }
ROI_GPU float float16s_of(const float* x) { return pair_of(float16_of(x[0]), float16_of(x[1])); }
ROI_GPU void floats_of_bfloat16s(float pair, float* x) { widen_pair(pair, x, float_of_bfloat16); }
ROI_GPU float bfloat16s_of(const float* x) { return pair_of(bfloat16_of(x[0]), bfloat16_of(x[1])); }

}  // namespace roi::gpu
