#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstring>

#include "boxes.h"
#include "rows.h"

namespace roi {

// Defined by rows.cpp and boxes.cpp, compiled once for each.
#if defined(__x86_64__)
namespace avx512 {
extern const RowKernels kRowKernels;
extern const BoxKernels kBoxKernels;
}  // namespace avx512
namespace avx2 {
extern const RowKernels kRowKernels;
extern const BoxKernels kBoxKernels;
}  // namespace avx2
#endif
namespace baseline {
extern const RowKernels kRowKernels;
extern const BoxKernels kBoxKernels;
}  // namespace baseline

#if defined(__x86_64__)
namespace {

struct Features {
  bool avx2 = false, avx512 = false;
};

/// What the processor has and the system lets threads use. __builtin_cpu_supports would tell, but its tables
/// are in a runtime library that cross compilers lack.
Features features() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return {};
  constexpr unsigned kAvx = bit_FMA | bit_F16C;
  const bool fma_and_f16c = (c & kAvx) == kAvx;
  unsigned saved, high;  // the registers that the system saves, see XGETBV in Intel's manual, volume 2
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  const bool ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return {};
  constexpr unsigned kAvx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  const bool avx2 = ymm && fma_and_f16c && (b & bit_AVX2);
  return {avx2, avx2 && zmm && (b & kAvx512) == kAvx512};
}

}  // namespace
#endif

namespace {

struct Kernels {
  const RowKernels* rows;
  const BoxKernels* boxes;
  bool usable;
};

Kernels find(const char* name) {
#if defined(__x86_64__)
  const auto [has_avx2, has_avx512] = features();
  const Kernels table[] = {{&avx512::kRowKernels, &avx512::kBoxKernels, has_avx512},
                           {&avx2::kRowKernels, &avx2::kBoxKernels, has_avx2},
                           {&baseline::kRowKernels, &baseline::kBoxKernels, true}};
#else
  const Kernels table[] = {{&baseline::kRowKernels, &baseline::kBoxKernels, true}};
#endif
  for (const Kernels& entry : table)
    if (entry.usable && (!name || std::strcmp(name, entry.rows->name) == 0)) return entry;
  return {};
}

}  // namespace

const RowKernels* rows(const char* name) { return find(name).rows; }
const BoxKernels* box_kernels(const char* name) { return find(name).boxes; }

}  // namespace roi
