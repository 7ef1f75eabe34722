#include <cstdio>

#include "results.h"
#include "runner.h"

// The checks on each access, and the functions that kernels call.

namespace roi::standin {

namespace {

std::string text(const char* problem, Access access, size_t bytes, uint64_t address) {
  constexpr const char* kNames[] = {"read", "read", "write", "atomic", "prefetch"};
  char text[200];
  std::snprintf(text, sizeof text, "%s: %s of %zu bytes at 0x%llx", problem, kNames[static_cast<int>(access)],
                bytes, static_cast<unsigned long long>(address));
  return text;
}

uint64_t number_of(const volatile void* address) { return reinterpret_cast<uint64_t>(address); }

}  // namespace

void* Runner::global_bytes(uint64_t address, size_t bytes, Access access, const Site& where) {
  if (--quantum_ == 0) breathe();
  const Allocation* found = last_found_;
  if (!found || !found->holds(address, bytes)) found = find(*allocations_, address, bytes);
  if (!found) {
    fail(kIllegalAddress, text("outside of every allocation", access, bytes, address), where);
  }
  last_found_ = found;
  if (access == Access::prefetch) return nullptr;
  if (address % bytes != 0) fail(kMisalignedAddress, text("misaligned", access, bytes, address), where);
  if (access != Access::write && !found->is_written(address, bytes)) {
    fail(kLaunchFailed, text("read of memory that was never written", access, bytes, address), where);
  }
  if (access == Access::write || access == Access::update) found->mark_written(address, bytes);
  const auto stored = stored_.begin() + (found - allocations_->data());
  if (access == Access::write) *stored = true;
  if (found->writers && *stored) {
    const size_t offset = address - found->base;
    const std::string problem = order_.touch(found->writers + offset / 4, offset % 4, bytes, access,
                                             running_->warp->block->number, running_->number);
    if (!problem.empty()) fail(kLaunchFailed, text(problem.c_str(), access, bytes, address), where);
  }
  return found->at(address);
}

unsigned char* Runner::shared_address() const {
  return reinterpret_cast<unsigned char*>(running_->warp->block->shared.address());
}

void* Runner::shared_bytes(uint64_t address, size_t bytes, Access access, const Site& where) {
  if (--quantum_ == 0) breathe();
  const Warp& warp = *running_->warp;
  SharedMemory& shared = warp.block->shared;
  const uint64_t offset = address - number_of(shared.address());
  if (offset > shared.bytes() || bytes > shared.bytes() - offset) {
    fail(kIllegalAddress, text("outside of shared memory", access, bytes, address), where);
  }
  if (address % bytes != 0) fail(kMisalignedAddress, text("misaligned", access, bytes, address), where);
  const char* const problem =
      shared.touch(offset, bytes, access == Access::write, running_->number, warp.epoch);
  if (problem) fail(kLaunchFailed, text(problem, access, bytes, offset), where);
  return shared.memory(offset);
}

void* global_bytes(const volatile void* address, size_t bytes, Access access, const Site& where) {
  return Runner::current().global_bytes(number_of(address), bytes, access, where);
}
void* shared_bytes(const volatile void* address, size_t bytes, Access access, const Site& where) {
  return Runner::current().shared_bytes(number_of(address), bytes, access, where);
}
unsigned char* shared_address() { return Runner::current().shared_address(); }
int thread() { return Runner::current().thread(); }
int block() { return Runner::current().block(); }
int blocks() { return Runner::current().blocks(); }
void block_barrier(const Site& where) { Runner::current().block_barrier(where); }
void warp_barrier(const Site& where) { Runner::current().warp_barrier(where); }
void exchange(const void* mine, void* theirs, size_t bytes, int source, const Site& where) {
  Runner::current().exchange(mine, theirs, bytes, source, where);
}
void release() { Runner::current().release(); }
void acquire() { Runner::current().acquire(); }

}  // namespace roi::standin
