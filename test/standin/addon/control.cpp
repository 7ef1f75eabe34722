#include <dlfcn.h>
#include <node_api.h>

#include "../../../native/cuda/driver.h"

// The stand-in's controls for tests in JavaScript: fail(what), count(what), map(bytes, piece),
// capture(begins), functions().

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

/// The address of memory in pieces, of device 0: map(bytes, piece).
napi_value map(napi_env env, napi_callback_info info) {
  size_t given = 2;
  napi_value arguments[2] = {nullptr, nullptr};
  int64_t sizes[2] = {0, 0};
  napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr);
  for (int i = 0; i < 2; i++) napi_get_value_int64(env, arguments[i], &sizes[i]);
  auto* const map = control<uint64_t(int, size_t, size_t)>("roi_standin_map");
  const uint64_t address = map ? map(0, static_cast<size_t>(sizes[0]), static_cast<size_t>(sizes[1])) : 0;
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, address, &result);
  return result;
}

/// A stream of device 0 that the legacy default stream waits for; capture(true) begins to capture it,
/// capture(false) ends that. Whether all went well.
napi_value capture(napi_env env, napi_callback_info info) {
  using namespace roi::cuda;
  static StreamHandle stream = nullptr;
  size_t given = 1;
  napi_value argument = nullptr, result = nullptr;
  bool begins = false;
  napi_get_cb_info(env, info, &given, &argument, nullptr, nullptr);
  napi_get_value_bool(env, argument, &begins);
  Driver driver;
#define ROI_FIND(member, name, parameters) \
  driver.member = reinterpret_cast<decltype(driver.member)>(dlsym(library(), name));
  ROI_DRIVER_FUNCTIONS(ROI_FIND)
  ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_FIND)
#undef ROI_FIND
  Context context = nullptr;
  GraphHandle graph = nullptr;
  driver.primary_context_retain(&context, 0);
  driver.context_push(context);
  if (begins) driver.stream_create(&stream, 0);
  const Status status =
      begins ? driver.capture_begin(stream, kCaptureRelaxed) : driver.capture_end(stream, &graph);
  if (graph) driver.graph_destroy(graph);
  if (!begins) driver.stream_destroy(stream);
  driver.context_pop(&context);
  driver.primary_context_release(0);
  napi_get_boolean(env, status == kSuccess, &result);
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
      {"map", nullptr, map, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"capture", nullptr, capture, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"functions", nullptr, functions, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
