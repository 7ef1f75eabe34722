#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "../../../native/problem.h"
#include "input.h"

// Tensors whose last byte is the last of their block: AddressSanitizer tells of the next.

namespace roi::fuzz {

class Buffers {
 public:
  /// Zeros, at any multiple of an element's size. There is an address, though maybe to nothing.
  template <class T>
  T* zeros(int64_t elements, DType dtype, Input& input) {
    const auto size = static_cast<size_t>(size_of(dtype)), bytes = static_cast<size_t>(elements) * size;
    const size_t before = input.byte() % 16 * size;
    auto* const block = static_cast<char*>(std::calloc(before + bytes, 1));
    if (!block) throw std::bad_alloc();
    tensors_.push_back({std::unique_ptr<char, Free>(block), block + before, bytes});
    return reinterpret_cast<T*>(block + before);
  }

  /// Numbers that a step may meet: most of them ordinary, some that are none. Bits of `dtype` in any case.
  void* numbers(int64_t elements, DType dtype, Input& input) {
    auto* const bytes = zeros<unsigned char>(elements, dtype, input);
    uint32_t state = static_cast<uint32_t>(input.int32());
    const uint8_t rare = input.byte();
    const auto size = static_cast<size_t>(size_of(dtype));
    for (int64_t i = 0; i < elements; i++) {
      state = state * 1664525u + 1013904223u;
      const uint32_t bits = bits_of(dtype, state, rare != 0 && (state >> 8) % 256 < rare);
      std::memcpy(bytes + static_cast<size_t>(i) * size, &bits, size);
    }
    return bytes;
  }

  bool operator==(const Buffers& other) const {
    return std::equal(tensors_.begin(), tensors_.end(), other.tensors_.begin(), other.tensors_.end(),
                      [](const Tensor& a, const Tensor& b) {
                        return a.bytes == b.bytes && std::memcmp(a.data, b.data, a.bytes) == 0;
                      });
  }

  /// Changes if anything in them does (FNV-1a).
  uint64_t hash() const {
    uint64_t hash = 0xcbf29ce484222325;
    for (const Tensor& tensor : tensors_)
      for (size_t i = 0; i < tensor.bytes; i++)
        hash = (hash ^ static_cast<unsigned char>(tensor.data[i])) * 0x100000001b3;
    return hash;
  }

 private:
  struct Free {
    void operator()(char* block) const { std::free(block); }
  };
  struct Tensor {
    std::unique_ptr<char, Free> block;
    const char* data;
    size_t bytes;
  };

  static uint32_t bits_of(DType dtype, uint32_t random, bool any) {
    if (any || dtype == DType::kUint8) return random >> 8;  // a NaN, an infinity, a denormal among them
    const float x = static_cast<float>(static_cast<int32_t>(random)) * 0x1p-29f;  // within ±4
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    // A half has fewer bits of exponent: these are within ±2 as well.
    if (dtype == DType::kFloat16) return (random >> 16 & 0x83ff) | (random % 16 << 10);
    return dtype == DType::kBFloat16 ? bits >> 16 : bits;
  }

  std::vector<Tensor> tensors_;
};

}  // namespace roi::fuzz
