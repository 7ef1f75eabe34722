#pragma once

#include <napi.h>

#include <string>

namespace roi {

/// lib/ checks arguments before they come here, and names them better. What is thrown here keeps a caller who
/// gets past lib/ from reading or writing memory that is not his.
template <class Error>
[[noreturn]] void throw_coded(Napi::Env env, const char* code, const std::string& message) {
  Error error = Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

}  // namespace roi
