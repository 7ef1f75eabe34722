#include "driver.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace roi::cuda {
namespace {

/// The kernels are built by nvcc 13, whose binaries older drivers do not take.
constexpr int kLeastVersion = 13000;

#ifdef _WIN32
void* open_library() { return nullptr; }
void* find(void*, const char*) { return nullptr; }
#else
void* open_library() { return dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); }
void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

int version_of(const Driver& driver) {
  int version = 0;
  return driver.driver_version(&version) == kSuccess ? version : 0;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Driver load() {
  void* library = open_library();
  if (!library) throw Unavailable("no NVIDIA driver is installed (libcuda.so.1 was not found)");
  Driver driver;
#define ROI_FIND(member, name, parameters) \
  driver.member = reinterpret_cast<decltype(driver.member)>(find(library, name));
#define ROI_REQUIRE(member, name, parameters) \
  ROI_FIND(member, name, parameters)          \
  if (!driver.member) throw Unavailable("the NVIDIA driver lacks " name);
  ROI_DRIVER_FUNCTIONS(ROI_REQUIRE)
  ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_FIND)
#undef ROI_REQUIRE
#undef ROI_FIND
  const Status result = driver.init(0);
  if (result == kNoDevice) throw Unavailable("the NVIDIA driver finds no GPU");
  if (result != kSuccess) {
    const char* name = nullptr;
    driver.error_name(result, &name);
    throw Unavailable(std::string("the NVIDIA driver does not start: ") + (name ? name : "unknown error"));
  }
  const int version = version_of(driver);
  if (version < kLeastVersion)
    throw Unavailable("the NVIDIA driver is too old: it supports CUDA " + version_text(version) +
                      ", the kernels need " + version_text(kLeastVersion) + " (driver 580 or newer)");
  return driver;
}

}  // namespace

const Driver& Driver::get() {
  // Not tried again after a failure, but told again.
  static const struct Loaded {
    Driver driver;
    std::string reason;
    Loaded() {
      try {
        driver = load();
      } catch (const Unavailable& error) {
        reason = error.what();
      }
    }
  } loaded;
  if (!loaded.reason.empty()) throw Unavailable(loaded.reason);
  return loaded.driver;
}

std::string Driver::version() const { return version_text(version_of(*this)); }

void Driver::check(Status result, const char* doing) const {
  if (result == kSuccess) return;
  const char *name = nullptr, *text = nullptr;
  error_name(result, &name);
  error_string(result, &text);
  throw Error(result, std::string(name ? name : "an unknown CUDA error") + " while " + doing +
                          (text ? ": " : "") + (text ? text : ""));
}

}  // namespace roi::cuda
