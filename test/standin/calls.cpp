#include "calls.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "settings.h"

namespace roi::standin {

namespace {

constexpr const char* kNames[] = {
#define ROI_NAME(member, name, parameters) name,
    ROI_DRIVER_FUNCTIONS(ROI_NAME) ROI_DRIVER_OPTIONAL_FUNCTIONS(ROI_NAME)
#undef ROI_NAME
};
constexpr size_t kCalls = sizeof kNames / sizeof *kNames;

/// Every call, in place of the number of one.
constexpr uint64_t kEvery = 0;

struct Failure {
  size_t call;
  uint64_t number;
  Status result;
};

struct State {
  std::mutex mutex;
  uint64_t counts[kCalls] = {};
  /// The counts when `failures` were asked for.
  uint64_t counts_before[kCalls] = {};
  std::vector<Failure> failures;
};

size_t index_of(const std::string& name) {
  size_t i = 0;
  while (i < kCalls && name != kNames[i]) i++;
  return i;
}

bool parse(const std::string& text, std::vector<Failure>* failures) {
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    const size_t colon = item.find(':'), equals = item.find('=');
    if (colon == std::string::npos || equals == std::string::npos || equals < colon) return false;
    const std::string number = item.substr(colon + 1, equals - colon - 1);
    const Failure failure{index_of(item.substr(0, colon)),
                          number == "*" ? kEvery : std::strtoull(number.c_str(), nullptr, 10),
                          std::atoi(item.c_str() + equals + 1)};
    if (failure.call == kCalls || failure.result == 0 || (failure.number == kEvery && number != "*")) {
      return false;
    }
    failures->push_back(failure);
  }
  return true;
}

State& state() {
  static State& state = []() -> State& {
    auto* const fresh = new State;
    if (!parse(settings().fail, &fresh->failures)) {
      std::fprintf(stderr, "cuda (stand-in): ROI_STANDIN_FAIL is not \"function:number=result\": %s\n",
                   settings().fail.c_str());
      std::abort();
    }
    return *fresh;
  }();
  return state;
}

}  // namespace

Status enter(Call call) {
  const auto index = static_cast<size_t>(call);
  if (const Status forbidden = check_captures(call)) return forbidden;
  const std::lock_guard lock(state().mutex);
  const uint64_t number = ++state().counts[index] - state().counts_before[index];
  for (const Failure& failure : state().failures) {
    if (failure.call == index && (failure.number == kEvery || failure.number == number))
      return failure.result;
  }
  return cuda::kSuccess;
}

bool fail(const char* what) {
  std::vector<Failure> failures;
  if (!parse(what, &failures)) return false;
  const std::lock_guard lock(state().mutex);
  state().failures = std::move(failures);
  for (size_t i = 0; i < kCalls; i++) state().counts_before[i] = state().counts[i];
  return true;
}

uint64_t calls_of(const char* name) {
  const size_t index = index_of(name);
  const std::lock_guard lock(state().mutex);
  return index < kCalls ? state().counts[index] : 0;
}

}  // namespace roi::standin
