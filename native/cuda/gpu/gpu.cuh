#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

// What the kernels know of a GPU. They touch memory, other threads and the special function unit through
// these alone, so that the stand-in of the tests, which has a header of the same name, can run the same
// sources on a CPU and check every access.

#define ROI_GPU __device__ __forceinline__

/// The entry point `name`, which takes one struct by value, `Params params`. At most 128 registers a thread,
/// so that a multiprocessor holds 2 blocks of 256.
#define ROI_KERNEL(name, Params) \
  extern "C" __global__ void __launch_bounds__(256, 2) name(const __grid_constant__ Params params)

namespace roi::gpu {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

ROI_GPU int thread() { return static_cast<int>(threadIdx.x); }
ROI_GPU int block() { return static_cast<int>(blockIdx.x); }
ROI_GPU int blocks() { return static_cast<int>(gridDim.x); }

/// Waits for all threads of the block, or of the warp.
ROI_GPU void block_barrier() { __syncthreads(); }
ROI_GPU void warp_barrier() { __syncwarp(); }

/// The value of the lane whose number differs in `mask`, or of lane `lane`. All lanes of the warp take part.
template <class T>
ROI_GPU T shuffle_xor(T x, int mask) {
  return __shfl_xor_sync(kAllLanes, x, mask);
}
/// Floats stay in their registers, where the function of the toolkit takes them for bits.
ROI_GPU float shuffle_xor(float x, int mask) {
  float y;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;" : "=f"(y) : "f"(x), "r"(mask));
  return y;
}
template <class T>
ROI_GPU T shuffle(T x, int lane) {
  return __shfl_sync(kAllLanes, x, lane);
}

// Global memory. Up to kWidestAccess bytes at a time, aligned to their size.
#if __CUDA_ARCH__ >= 1000
constexpr int kWidestAccess = 32;
#else
constexpr int kWidestAccess = 16;
#endif

struct alignas(32) Octet {
  float x[8];
};

/// Of what no kernel writes meanwhile.
template <class T>
ROI_GPU T load(const T* p) {
  return __ldg(p);
}
/// The same, of what is not needed again.
template <class T>
ROI_GPU T load_once(const T* p) {
  return __ldcs(p);
}
ROI_GPU Octet load_once(const Octet* p) {
  Octet v;
  float* x = v.x;
  asm volatile("ld.global.cs.v8.f32 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8];"
               : "=f"(x[0]), "=f"(x[1]), "=f"(x[2]), "=f"(x[3]), "=f"(x[4]), "=f"(x[5]), "=f"(x[6]),
                 "=f"(x[7])
               : "l"(p));
  return v;
}
/// Starts to bring what lies at p into the L2 cache.
ROI_GPU void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }
/// Of what other blocks of this launch have written.
template <class T>
ROI_GPU T load_fresh(const T* p) {
  return __ldcg(p);
}
template <class T>
ROI_GPU void store(T* p, T x) {
  *p = x;
}
/// Of what this kernel does not need again.
template <class T>
ROI_GPU void store_once(T* p, T x) {
  __stcs(p, x);
}
ROI_GPU void store_once(Octet* p, Octet v) {
  const float* x = v.x;
  asm volatile("st.global.cs.v8.f32 [%8], {%0, %1, %2, %3, %4, %5, %6, %7};" ::"f"(x[0]), "f"(x[1]),
               "f"(x[2]), "f"(x[3]), "f"(x[4]), "f"(x[5]), "f"(x[6]), "f"(x[7]), "l"(p)
               : "memory");
}

ROI_GPU void atomic_add(unsigned long long* p, unsigned long long x) { atomicAdd(p, x); }
ROI_GPU void atomic_min(unsigned long long* p, unsigned long long x) { atomicMin(p, x); }
/// Draws the next number, of which 0 follows `last`. One thread draws for its block, between two barriers:
/// what the block wrote before the first is seen, after the second, by a block that draws a later number.
/// Releases and acquires in one instruction, where a fence of every thread would wait for each of them.
ROI_GPU unsigned draw_ticket(unsigned* p, unsigned last) {
  unsigned ticket;
  asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;" : "=r"(ticket) : "l"(p), "r"(last) : "memory");
  return ticket;
}

// The block's shared memory: as many bytes as the launch asked for, aligned to 16.

ROI_GPU unsigned char* shared_memory() {
  extern __shared__ __align__(16) unsigned char memory[];
  return memory;
}
template <class T>
ROI_GPU T load_shared(const T* p) {
  return *p;
}
template <class T>
ROI_GPU void store_shared(T* p, T x) {
  *p = x;
}

// Arithmetic.

/// 2^x within 2^−22, and 1/x within 1 ulp.
ROI_GPU float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
ROI_GPU float reciprocal_approx(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
/// Of a number and a NaN the number.
ROI_GPU float larger(float a, float b) { return fmaxf(a, b); }
/// a·b + c, rounded once.
ROI_GPU float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
/// a·b + c without overflow, in one instruction: of a product of two widened numbers compilers make three.
ROI_GPU int64_t wide_multiply_add(int a, int b, int64_t c) {
  int64_t sum;
  asm("mad.wide.s32 %0, %1, %2, %3;" : "=l"(sum) : "r"(a), "r"(b), "l"(c));
  return sum;
}

ROI_GPU uint32_t bits_of(float x) {
  // Compilers that see through keep as bits, too, what else may be in the register.
  uint32_t bits;
  asm("mov.b32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
ROI_GPU float float_of(uint32_t bits) {
  float x;
  asm("mov.b32 %0, %1;" : "=f"(x) : "r"(bits));
  return x;
}

ROI_GPU float float_of_float16(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
ROI_GPU uint16_t float16_of(float x) { return __half_as_ushort(__float2half_rn(x)); }
ROI_GPU float float_of_bfloat16(uint16_t bits) { return float_of(static_cast<uint32_t>(bits) << 16); }
ROI_GPU uint16_t bfloat16_of(float x) {
  // CUDA 11 has __bfloat16_as_ushort from sm_80 on alone.
  const __nv_bfloat16 value = __float2bfloat16_rn(x);
  uint16_t bits;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

// Two at a time, the first in the lower half of the bits of a float.

ROI_GPU void floats_of_float16s(float pair, float* x) {
  asm("{ .reg .b16 low, high; mov.b32 {low, high}, %2; cvt.f32.f16 %0, low; cvt.f32.f16 %1, high; }"
      : "=f"(x[0]), "=f"(x[1])
      : "f"(pair));
}
ROI_GPU float float16s_of(const float* x) {
  const __half2 pair = __floats2half2_rn(x[0], x[1]);
  uint32_t bits;
  std::memcpy(&bits, &pair, sizeof bits);
  return float_of(bits);
}
ROI_GPU void floats_of_bfloat16s(float pair, float* x) {
  asm("shl.b32 %0, %1, 16;" : "=f"(x[0]) : "f"(pair));
  asm("and.b32 %0, %1, 0xffff0000;" : "=f"(x[1]) : "f"(pair));
}
ROI_GPU float bfloat16s_of(const float* x) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(x[0], x[1]);
  uint32_t bits;
  std::memcpy(&bits, &pair, sizeof bits);
  return float_of(bits);
}

}  // namespace roi::gpu
