#include "fibers.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

// The registers that a called function must keep are pushed, and popped from the other stack.
#if defined(__x86_64__)
asm(R"(
.text
.globl roi_standin_switch
.hidden roi_standin_switch
.type roi_standin_switch, @function
roi_standin_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size roi_standin_switch, .-roi_standin_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl roi_standin_switch
.hidden roi_standin_switch
.type roi_standin_switch, %function
roi_standin_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size roi_standin_switch, .-roi_standin_switch
)");
#endif

namespace roi::standin {

namespace {

constexpr size_t kStackBytes = 64 << 10, kPage = 4096;

#if defined(__x86_64__)
/// Six registers, the address to return to, and the one that `entry` would return to.
constexpr size_t kFrameWords = 8, kReturnWord = 6;
#elif defined(__aarch64__)
constexpr size_t kFrameWords = 20, kReturnWord = 11;
#endif

}  // namespace

void* fresh_stack(std::byte* top, void (*entry)()) {
  uintptr_t frame[kFrameWords] = {};
  frame[kReturnWord] = reinterpret_cast<uintptr_t>(entry);
  return std::memcpy(top - sizeof frame, frame, sizeof frame);
}

Stacks::Stacks(size_t count) : count_(count) {
  void* const memory = mmap(nullptr, count * kStackBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  for (size_t i = 0; i < count; i++) mprotect(memory_ + i * kStackBytes, kPage, PROT_NONE);
}

Stacks::~Stacks() { munmap(memory_, count_ * kStackBytes); }

std::byte* Stacks::top(size_t stack) const {
  // Not all at the same place of a page: they would compete for the same lines of the cache.
  const size_t colour = stack * 192 % kPage;
  return memory_ + (stack + 1) * kStackBytes - colour;
}

}  // namespace roi::standin
