#include "driver.h"

#include <cstdlib>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace roi::cuda {
namespace {

#ifdef _WIN32
void* open_library() { throw Unavailable("the NVIDIA driver is not loaded on this system"); }
void* find(void*, const char*) { return nullptr; }
std::string path_of(void*) { return ""; }
#else
void* open_library() {
  if (void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) return library;
  const char* const reason = dlerror();
  throw Unavailable(std::string("the NVIDIA driver could not be loaded: ") +
                    (reason ? reason : "libcuda.so.1"));
}
void* find(void* library, const char* name) { return dlsym(library, name); }
/// The file that holds a function.
std::string path_of(void* function) {
  Dl_info info;
  return dladdr(function, &info) && info.dli_fname ? info.dli_fname : "libcuda.so.1";
}
#endif

std::string why_not_started(const Driver& driver, Status result) {
  const std::string name = driver.name_of(result);
  if (result == kNoDevice) return "the NVIDIA driver finds no GPU: " + name + visible_devices_note();
  std::string reason = "the NVIDIA driver does not start: " + name + driver.text_of(result);
  // Toolkits bring it for linking; its functions do nothing.
  if (result == kStubLibrary)
    reason += "; a stub library stands first in the loader's path: " +
              path_of(reinterpret_cast<void*>(driver.init));
  return reason;
}

Driver load() {
  void* library = open_library();
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
  if (const Status result = driver.init(0)) throw Unavailable(why_not_started(driver, result));
  driver.check(driver.driver_version(&driver.version), "asking for the driver's version");
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
      } catch (const DeviceError& error) {
        reason = error.what();
      }
    }
  } loaded;
  if (!loaded.reason.empty()) throw Unavailable(loaded.reason);
  return loaded.driver;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string Driver::name_of(Status result) const {
  const char* name = nullptr;
  error_name(result, &name);
  return std::string(name ? name : "an unknown CUDA error") + " (" + std::to_string(result) + ")";
}

std::string Driver::text_of(Status result) const {
  const char* text = nullptr;
  error_string(result, &text);
  return text ? std::string(": ") + text : "";
}

std::string Driver::message(Status result, const char* doing) const {
  return name_of(result) + " while " + doing + text_of(result);
}

void Driver::check(Status result, const char* doing) const {
  if (result != kSuccess) throw Error(result, message(result, doing));
}

std::string visible_devices_note() {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible ? std::string("; CUDA_VISIBLE_DEVICES is '") + visible + "'" : "";
}

}  // namespace roi::cuda
