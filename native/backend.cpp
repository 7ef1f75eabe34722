#include "backend.h"

namespace roi {

void Backend::add(const float*, const float*, float*, int64_t) {
  throw DeviceError("only the CPU adds arrays of the host");
}

}  // namespace roi
