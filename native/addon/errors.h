#pragma once

#include <napi.h>

#include <new>
#include <stdexcept>
#include <string>

#include "../backend.h"

namespace roi {

/// lib/ checks arguments before they come here, and names them better. What is thrown here keeps a caller who
/// gets past lib/ from reading or writing memory that is not his.
template <class Error>
[[noreturn]] void throw_coded(Napi::Env env, const char* code, const std::string& message) {
  Error error = Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

/// Calls `act` and throws what a backend throws as a JavaScript error. `what` names the memory or argument.
template <class Act>
auto with_js_errors(Napi::Env env, const std::string& what, Act act) {
  try {
    return act();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw_coded<Napi::RangeError>(env, "ERR_ROI_LOSS_MEMORY", "out of memory: " + what);
  } catch (const std::length_error& error) {
    throw_coded<Napi::RangeError>(env, "ERR_ROI_LOSS_SHAPE", what + ": " + error.what());
  } catch (const std::invalid_argument& error) {
    throw_coded<Napi::RangeError>(env, "ERR_ROI_LOSS_SHAPE", what + " " + error.what());
  } catch (const CapturingError& error) {
    throw_coded<Napi::Error>(env, "ERR_ROI_LOSS_CAPTURE", error.what());
  } catch (const std::exception& error) {
    // A DeviceError, or the system's: no thread to be had.
    throw_coded<Napi::Error>(env, "ERR_ROI_LOSS_DEVICE", error.what());
  }
}

}  // namespace roi
