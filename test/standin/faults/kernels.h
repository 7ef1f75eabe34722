#pragma once

#include <cstdint>

/// What every kernel here is given.
struct FaultParams {
  /// `count` numbers each; `fresh` holds what nobody wrote.
  const float* in;
  float* out;
  float* fresh;
  unsigned long long* sum;
  int count;
  /// Whether the kernel does what it is named for. Without, it is right.
  bool planted;
};
