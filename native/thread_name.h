#pragma once

#include <thread>

#if defined(__linux__)
#include <pthread.h>
#endif

namespace roi {

/// Gives a thread the name that debuggers and /proc show, of at most 15 characters. Called by the thread that
/// starts it: the name is there when that goes on.
inline void set_name([[maybe_unused]] std::thread& thread, [[maybe_unused]] const char* name) {
#if defined(__linux__)
  pthread_setname_np(thread.native_handle(), name);
#endif
}

}  // namespace roi
