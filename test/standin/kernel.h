#pragma once

#include <cstddef>
#include <source_location>

// What gpu.cuh asks of the stand-in. The line of the kernel that asks goes along, for findings.

namespace roi::standin {

using Site = std::source_location;

/// `read` is for what no thread of the launch writes, `update` an atomic. `prefetch` asks for no bytes yet.
enum class Access { read, read_fresh, write, update, prefetch };

/// Where the bytes at an address of the device are, after all checks. Ends the thread if one fails.
void* global_bytes(const volatile void* address, size_t bytes, Access access, const Site& where);
void* shared_bytes(const volatile void* address, size_t bytes, Access access, const Site& where);

/// The address of the block's shared memory.
unsigned char* shared_address();

int thread();
int block();
int blocks();

void block_barrier(const Site& where);
void warp_barrier(const Site& where);

/// Gives `mine` to the warp and takes into `theirs` what lane `source` gave.
void exchange(const void* mine, void* theirs, size_t bytes, int source, const Site& where);

/// What an atomic does for the memory model beside its own word: `release` before it, `acquire` after it.
void release();
void acquire();

struct Kernel {
  const char* name;
  void (*run)(const void* params);
  size_t params_bytes;
};

/// Makes a kernel known to cuModuleGetFunction.
struct Registration {
  explicit Registration(const Kernel& kernel);
};

}  // namespace roi::standin
