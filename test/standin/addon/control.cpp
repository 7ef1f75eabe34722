#include <dlfcn.h>
#include <node_api.h>

#include "../../../native/cuda/driver.h"

// The stand-in's controls for tests in JavaScript: fail(what), count(what), functions().

namespace {

void* library() {
  static void* const found = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return found;
}

template <class Function>
Function* control(const char* name) {
  return library() ? reinterpret_cast<Function*>(dlsym(library(), name)) : nullptr;
}

/// The one argument, a string.
struct Text {
  Text(napi_env env, napi_callback_info info) {
    size_t count = 1;
    napi_value value = nullptr;
    napi_get_cb_info(env, info, &count, &value, nullptr, nullptr);
    napi_get_value_string_utf8(env, value, chars, sizeof chars, nullptr);
  }
  char chars[1024] = {};
};

/// False if there is no stand-in, or `what` is not as ROI_STANDIN_FAIL says it.
napi_value fail(napi_env env, napi_callback_info info) {
  auto* const set = control<int(const char*)>("roi_standin_fail");
  napi_value result = nullptr;
  napi_get_boolean(env, set && set(Text(env, info).chars), &result);
  return result;
}

napi_value count(napi_env env, napi_callback_info info) {
  auto* const count = control<long long(const char*)>("roi_standin_count");
  napi_value result = nullptr;
  napi_create_int64(env, count ? count(Text(env, info).chars) : -1, &result);
  return result;
}

/// The names of the driver's functions.
napi_value functions(napi_env env, napi_callback_info) {
  constexpr const char* kNames[] = {
#define ROI_NAME(member, name, parameters) name,
      ROI_DRIVER_FUNCTIONS(ROI_NAME) ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_NAME)
#undef ROI_NAME
  };
  napi_value names = nullptr, name = nullptr;
  napi_create_array(env, &names);
  uint32_t index = 0;
  for (const char* text : kNames) {
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, index++, name);
  }
  return names;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"fail", nullptr, fail, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"count", nullptr, count, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"functions", nullptr, functions, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
