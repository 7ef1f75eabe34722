#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "results.h"

namespace roi::standin {

namespace {

constexpr size_t kPage = 4096;
/// Addresses of a device; memory is only taken for what is in use. ThreadSanitizer leaves little room for
/// them.
#if defined(__SANITIZE_THREAD__)
constexpr size_t kSpan = size_t{1} << 35;
#else
constexpr size_t kSpan = size_t{1} << 38;
#endif
/// The addresses, the bytes, the flags, and four times as much for the writers.
constexpr size_t kMapping = 3 * kSpan + kSpan / 4 * sizeof(Writer);
/// A page of these before each allocation, and from its end to the end of the page after.
constexpr int kGuard = 0xdb;
/// A NaN in every floating-point type, and no label.
constexpr int kPoison = 0xff;

size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }
size_t guard_after(size_t bytes) { return whole_pages(bytes) - bytes + kPage; }

bool all_are(const std::byte* bytes, size_t count, int value) {
  return bytes[0] == std::byte(value) && std::memcmp(bytes, bytes + 1, count - 1) == 0;
}

std::string damage_of(const Allocation& allocation) {
  const char* side = nullptr;
  if (!all_are(allocation.memory - kPage, kPage, kGuard)) side = "before";
  if (!all_are(allocation.memory + allocation.bytes, guard_after(allocation.bytes), kGuard)) side = "after";
  if (!side) return "";
  char text[120];
  std::snprintf(text, sizeof text, "guard zone overwritten: %s the %zu bytes at 0x%llx", side,
                allocation.bytes, static_cast<unsigned long long>(allocation.base));
  return text;
}

/// Gives back what was noted of memory that is gone.
void forget(const Allocation& gone) {
  const size_t pages = whole_pages(gone.bytes);
  madvise(gone.written, pages, MADV_DONTNEED);
  madvise(gone.writers, pages / 4 * sizeof(Writer), MADV_DONTNEED);
}

}  // namespace

void Allocation::mark_written(uint64_t address, size_t count) const {
  if (written) std::memset(written + (address - base), 1, count);
}

bool Allocation::is_written(uint64_t address, size_t count) const {
  return !written || std::memchr(written + (address - base), 0, count) == nullptr;
}

const Allocation* find(const Allocations& allocations, uint64_t address, size_t count) {
  const auto above = std::upper_bound(allocations.begin(), allocations.end(), address,
                                      [](uint64_t value, const Allocation& a) { return value < a.base; });
  if (above == allocations.begin()) return nullptr;
  const Allocation& candidate = *std::prev(above);
  return candidate.holds(address, count) ? &candidate : nullptr;
}

/// Pages for an allocation, with a guard around.
struct Memory::Region {
  uint64_t base;
  std::byte* memory;
  uint8_t* written;
  Writer* writers;
  off_t offset;
};

Memory::Memory(size_t limit) : live_(std::make_shared<Allocations>()), limit_(limit) {
  file_ = memfd_create("device memory of the stand-in", MFD_CLOEXEC);
  void* const mapping =
      mmap(nullptr, kMapping, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mapping_ = static_cast<std::byte*>(mapping);
  const int read_write = PROT_READ | PROT_WRITE;
  if (file_ < 0 || mapping == MAP_FAILED || ftruncate(file_, off_t{kSpan}) != 0 ||
      mmap(mapping_ + kSpan, kSpan, read_write, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file_, 0) ==
          MAP_FAILED ||
      mprotect(mapping_ + 2 * kSpan, kMapping - 2 * kSpan, read_write) != 0) {
    throw std::system_error(errno, std::generic_category(), "memory of the stand-in");
  }
}

Memory::~Memory() {
  for (const Allocation& allocation : *live_) {
    if (!allocation.written) std::free(allocation.memory - kPage);
  }
  munmap(mapping_, kMapping);
  close(file_);
}

std::optional<Memory::Region> Memory::claim(size_t bytes) {
  const size_t pages = kPage + whole_pages(bytes) + kPage;
  if (bytes > kSpan || pages > kSpan - claimed_) return std::nullopt;
  const size_t offset = claimed_ + kPage;
  claimed_ += pages;
  std::byte* const memory = mapping_ + kSpan + offset;
  std::memset(memory - kPage, kGuard, kPage);
  std::memset(memory + bytes, kGuard, guard_after(bytes));
  return Region{reinterpret_cast<uint64_t>(mapping_ + offset), memory,
                reinterpret_cast<uint8_t*>(memory + kSpan),
                reinterpret_cast<Writer*>(mapping_ + 3 * kSpan) + offset / 4, static_cast<off_t>(offset)};
}

void Memory::add(const Allocation& allocation) {
  auto next = std::make_shared<Allocations>(*live_);
  const auto place =
      std::upper_bound(next->begin(), next->end(), allocation.base,
                       [](uint64_t base, const Allocation& other) { return base < other.base; });
  next->insert(place, allocation);
  live_ = std::move(next);
}

bool Memory::remove(uint64_t base, bool host, bool imported, Allocation* removed) {
  auto next = std::make_shared<Allocations>(*live_);
  const auto found = std::find_if(next->begin(), next->end(), [&](const Allocation& a) {
    return a.base + a.shared == base && !a.written == host && a.imported == imported;
  });
  if (found == next->end()) return false;
  *removed = *found;
  next->erase(found);
  live_ = std::move(next);
  return true;
}

Status Memory::allocate(size_t bytes, uint64_t* base) {
  if (bytes == 0) return kInvalidValue;
  const std::lock_guard lock(mutex_);
  if (bytes > limit_ - used_) return cuda::kOutOfMemory;
  const auto region = claim(bytes);
  if (!region) return cuda::kOutOfMemory;
  used_ += bytes;
  std::memset(region->memory, kPoison, bytes);
  add({region->base, bytes, region->memory, region->written, region->writers, false});
  *base = region->base;
  return cuda::kSuccess;
}

Status Memory::map(size_t bytes, size_t piece, uint64_t* base) {
  if (const Status result = allocate(bytes, base)) return result;
  const std::lock_guard lock(mutex_);
  Allocation mapped;
  remove(*base, false, false, &mapped);
  mapped.piece = piece;
  mapped.reserved = 2 * bytes;
  add(mapped);
  return cuda::kSuccess;
}

Status Memory::free(uint64_t base) {
  if (const auto found = find(base); found && found->piece) return kInvalidValue;
  const std::lock_guard lock(mutex_);
  Allocation removed;
  if (!remove(base, false, false, &removed)) return kInvalidValue;
  used_ -= removed.bytes;
  const size_t pages = whole_pages(removed.bytes);
  const std::byte* const guard = removed.memory - kPage;
  fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, guard - (mapping_ + kSpan),
            static_cast<off_t>(kPage + pages + kPage));
  forget(removed);
  return cuda::kSuccess;
}

Status Memory::allocate_host(size_t bytes, void** host) {
  if (bytes == 0) return kInvalidValue;
  const size_t around = kPage + bytes + guard_after(bytes);
  auto* const memory = static_cast<std::byte*>(std::aligned_alloc(kPage, around));
  if (!memory) return cuda::kOutOfMemory;
  std::memset(memory, kGuard, around);
  *host = std::memset(memory + kPage, kPoison, bytes);
  const std::lock_guard lock(mutex_);
  add({reinterpret_cast<uint64_t>(*host), bytes, memory + kPage, nullptr, nullptr, false});
  return cuda::kSuccess;
}

Status Memory::free_host(void* host) {
  const std::lock_guard lock(mutex_);
  Allocation removed;
  if (!remove(reinterpret_cast<uint64_t>(host), true, false, &removed)) return kInvalidValue;
  std::free(removed.memory - kPage);
  return cuda::kSuccess;
}

std::optional<Allocation> Memory::find(uint64_t address, size_t count) const {
  const auto allocations = live();
  const Allocation* const found = standin::find(*allocations, address, count);
  return found ? std::optional(*found) : std::nullopt;
}

std::shared_ptr<const Allocations> Memory::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

std::string Memory::damage() const {
  // Locked: the guards of what is freed meanwhile go with it.
  const std::lock_guard lock(mutex_);
  for (const Allocation& allocation : *live_) {
    if (allocation.imported) continue;  // its guard is the other process's, which may have freed it
    if (std::string text = damage_of(allocation); !text.empty()) return text;
  }
  return "";
}

size_t Memory::count(bool host) const {
  const auto allocations = live();
  return static_cast<size_t>(std::count_if(allocations->begin(), allocations->end(),
                                           [&](const Allocation& a) { return !a.written == host; }));
}

namespace {

/// What the bytes of an IPC handle say: which pages of which file of which process.
struct SharedName {
  char magic[16];
  pid_t process;
  int file;
  off_t offset;
  size_t bytes;
};
static_assert(sizeof(SharedName) <= sizeof(cuda::IpcHandle));
constexpr char kMagic[16] = "roi-standin ipc";

/// The driver has small allocations in blocks of this size, and what it shares is a block.
constexpr size_t kBlock = size_t{2} << 20;

}  // namespace

Status Memory::share(uint64_t base, cuda::IpcHandle* handle) {
  const auto allocation = find(base);
  if (!allocation || !allocation->written || allocation->imported || allocation->piece) return kInvalidValue;
  SharedName name{{}, getpid(), file_, allocation->memory - (mapping_ + kSpan), allocation->bytes};
  std::memcpy(name.magic, kMagic, sizeof kMagic);
  *handle = {};
  std::memcpy(handle, &name, sizeof name);
  return cuda::kSuccess;
}

Status Memory::open_shared(const cuda::IpcHandle& handle, uint64_t* base) {
  SharedName name;
  std::memcpy(&name, &handle, sizeof name);
  if (std::memcmp(name.magic, kMagic, sizeof kMagic) != 0) return kInvalidValue;
  if (name.process == getpid()) return kInvalidContext;
  const std::string path = "/proc/" + std::to_string(name.process) + "/fd/" + std::to_string(name.file);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return kMapFailed;
  const size_t offset = static_cast<size_t>(name.offset), begin = offset / kBlock * kBlock;
  const size_t bytes = (offset + name.bytes + kBlock - 1) / kBlock * kBlock - begin;
  const std::lock_guard lock(mutex_);
  const auto region = claim(bytes);
  const bool mapped = region && mmap(region->memory, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                     file, static_cast<off_t>(begin)) != MAP_FAILED;
  close(file);
  if (!mapped) return kMapFailed;
  const Allocation allocation{region->base,    bytes, region->memory, region->written,
                              region->writers, true,  offset - begin};
  // The other process wrote it unseen.
  allocation.mark_written(region->base, bytes);
  add(allocation);
  *base = region->base + allocation.shared;
  return cuda::kSuccess;
}

Status Memory::close_shared(uint64_t base) {
  const std::lock_guard lock(mutex_);
  Allocation removed;
  if (!remove(base, false, true, &removed)) return kInvalidValue;
  mmap(removed.memory, removed.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  forget(removed);
  return cuda::kSuccess;
}

}  // namespace roi::standin
