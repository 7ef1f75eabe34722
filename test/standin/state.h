#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "calls.h"
#include "context.h"
#include "kernel.h"
#include "results.h"
#include "stream.h"

// What the driver's handles stand for, and what every call checks first.

namespace roi::standin {

struct Function {
  const PrimaryContext* context;
  const Kernel* kernel;
};

struct Module {
  ContextPointer context;
  std::map<std::string, Function> functions;
};

/// The living objects of a kind. A handle is the address of its object, and is looked up before use.
template <class T>
class Registry {
 public:
  template <class Handle>
  Handle add(std::shared_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    T* const address = object.get();
    objects_[address] = std::move(object);
    return reinterpret_cast<Handle>(address);
  }
  /// Null if there is no such object.
  std::shared_ptr<T> find(const void* handle) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }
  std::shared_ptr<T> remove(const void* handle) {
    std::shared_ptr<T> object = find(handle);
    const std::lock_guard lock(mutex_);
    objects_.erase(handle);
    return object;
  }
  void remove_all_of(const ContextPointer& context) {
    const std::lock_guard lock(mutex_);
    std::erase_if(objects_, [&](const auto& entry) { return entry.second->context == context; });
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return objects_.size();
  }

 private:
  std::mutex mutex_;
  std::map<const void*, std::shared_ptr<T>> objects_;
};

struct DriverState {
  std::mutex mutex;
  std::atomic<bool> initialized = false;
  /// By device; null while nobody retains it.
  std::map<int, ContextPointer> primaries;
  Registry<Stream> streams;
  Registry<Event> events;
  Registry<Module> modules;
  Registry<Graph> graphs, graph_execs;
};

DriverState& driver_state();

/// The one on top of the calling thread's stack, or null.
ContextPointer current_context();

/// The stream of a handle, the default one for 0 and 1, the thread's for 2; null if it is none of the
/// context's.
std::shared_ptr<Stream> stream_of(const ContextPointer& context, cuda::StreamHandle handle);

/// Waits for a stream's work, which cannot be while it is captured.
Status wait_for(Stream& stream);

/// Runs `body(context)` with the current context, unless the call is to fail or the context is broken.
template <class Body>
Status in_context(Call call, Body body) {
  if (const Status result = enter(call)) return result;
  const ContextPointer context = current_context();
  if (!context) return kInvalidContext;
  if (context->destroyed) return kContextIsDestroyed;
  if (const Status broken = context->error) return broken;
  return body(context);
}

/// The same for calls that give something back: they do so even in a broken context.
template <class Body>
Status in_any_context(Call call, Body body) {
  if (const Status result = enter(call)) return result;
  const ContextPointer context = current_context();
  if (!context) return kInvalidContext;
  if (context->destroyed) return kContextIsDestroyed;
  const Status result = body(context);
  const Status broken = context->error;
  return broken ? broken : result;
}

}  // namespace roi::standin
