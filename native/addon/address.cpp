#include "address.h"

#include <cstddef>

#include "errors.h"
#include "memory.h"

namespace roi {

void* address_of(const char* name, Napi::Value value, size_t bytes, std::vector<MemoryRef>* keep) {
  // An array of nothing has no address, and is there all the same.
  alignas(std::max_align_t) static char nothing = 0;
  const auto check = [&](size_t found) {
    if (found != bytes)
      throw_coded<Napi::RangeError>(
          value.Env(), "ERR_ROI_LOSS_SHAPE",
          std::string(name) + " has " + std::to_string(found) + " bytes; expected " + std::to_string(bytes));
  };
  if (value.IsTypedArray()) {
    const auto array = value.As<Napi::TypedArray>();
    // JavaScript checked this before it read the options, whose getters may have detached the array since.
    if (array.ByteLength() == 0 && array.ArrayBuffer().IsDetached())
      throw_coded<Napi::TypeError>(value.Env(), "ERR_ROI_LOSS_BUFFER",
                                   std::string(name) + " lies in a detached ArrayBuffer");
    check(array.ByteLength());
    if (bytes == 0) return &nothing;
    return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  }
  const MemoryRef memory = MemoryHandle::from(value);
  if (!memory)
    throw_coded<Napi::TypeError>(value.Env(), "ERR_ROI_LOSS_TYPE",
                                 std::string(name) + " is no tensor or array");
  check(memory->bytes());
  keep->push_back(memory);
  return memory->data();
}

}  // namespace roi
