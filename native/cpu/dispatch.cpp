#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstring>

#include "rows.h"

namespace roi {

// Defined by rows.cpp, compiled once for each.
#if defined(__x86_64__)
namespace avx512 {
extern const RowKernels kRowKernels;
}
namespace avx2 {
extern const RowKernels kRowKernels;
}
#endif
namespace baseline {
extern const RowKernels kRowKernels;
}

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
  const bool fma = c & bit_FMA;
  unsigned saved, high;  // the registers that the system saves, see XGETBV in Intel's manual, volume 2
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  const bool ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return {};
  constexpr unsigned kAvx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
  const bool avx2 = ymm && fma && (b & bit_AVX2);
  return {avx2, avx2 && zmm && (b & kAvx512) == kAvx512};
}

}  // namespace
#endif

const RowKernels* rows(const char* name) {
#if defined(__x86_64__)
  const auto [has_avx2, has_avx512] = features();
  const struct {
    const RowKernels* kernels;
    bool usable;
  } table[] = {
      {&avx512::kRowKernels, has_avx512}, {&avx2::kRowKernels, has_avx2}, {&baseline::kRowKernels, true}};
#else
  const struct {
    const RowKernels* kernels;
    bool usable;
  } table[] = {{&baseline::kRowKernels, true}};
#endif
  for (const auto& entry : table)
    if (entry.usable && (!name || std::strcmp(name, entry.kernels->name) == 0)) return entry.kernels;
  return nullptr;
}

}  // namespace roi
