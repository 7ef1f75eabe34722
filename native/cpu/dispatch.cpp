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

const RowKernels* rows(const char* name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl");
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
