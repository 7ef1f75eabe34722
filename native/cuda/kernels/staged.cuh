#pragma once

#include "elements.cuh"
#include "factors.cuh"

// Words of a tensor on their way through shared memory, by the whole block. They lie in both as far from a
// multiple of kStagedSlack bytes, so that what is aligned in one is aligned in the other.

namespace roi::cuda {

template <class Word>
ROI_GPU Word* staged_rows() {
  return reinterpret_cast<Word*>(shared_memory() + sizeof(BlockState));
}

/// The widest access.
using Chunk = Words<kWidestAccess>;
template <class Word>
ROI_GPU int words_off(const Word* p) {
  return static_cast<int>(reinterpret_cast<uintptr_t>(p) % kStagedSlack / sizeof(Word));
}

/// The chunks that n words from p on have: `count` of them, from word `first` on.
template <class Word>
struct Chunks {
  static constexpr int kWidth = sizeof(Chunk) / sizeof(Word);
  int first, count;

  ROI_GPU Chunks(const Word* p, int n) {
    first = (kStagedSlack - words_off(p)) % kWidth;
    count = n > first ? (n - first) / kWidth : 0;
  }
  ROI_GPU int word(int chunk) const { return first + chunk * kWidth; }
  /// Calls visit(i) for each word of the thread that is in none of them.
  template <class Visit>
  ROI_GPU void each_other(int n, Visit visit) const {
    if (thread() < first && thread() < n) visit(thread());
    const int i = word(count) + thread();
    if (i < n) visit(i);
  }
};

/// Shared memory takes 16 bytes of a thread at a time, where eight neighbours must not meet in a bank: of 32
/// bytes, every other four threads begin with the second half.
ROI_GPU void store_chunk(void* p, const Chunk& chunk) {
  float4 halves[sizeof(Chunk) / 16];
  std::memcpy(halves, &chunk, sizeof chunk);
  auto* q = static_cast<float4*>(p);
  if constexpr (sizeof(Chunk) == 16) {
    store_shared(q, halves[0]);
  } else {
    const bool second = thread() & 4;
    store_shared(q + second, second ? halves[1] : halves[0]);
    store_shared(q + !second, second ? halves[0] : halves[1]);
  }
}
ROI_GPU Chunk load_chunk(const void* p) {
  float4 halves[sizeof(Chunk) / 16];
  const auto* q = static_cast<const float4*>(p);
  if constexpr (sizeof(Chunk) == 16) {
    halves[0] = load_shared(q);
  } else {
    const bool second = thread() & 4;
    const float4 one = load_shared(q + second), other = load_shared(q + !second);
    halves[0] = second ? other : one, halves[1] = second ? one : other;
  }
  Chunk chunk;
  std::memcpy(&chunk, halves, sizeof chunk);
  return chunk;
}

/// Whether n words, if they begin where a chunk may, are whole chunks, and no more than one for each thread.
template <class Word>
ROI_GPU bool are_chunks_of_block(int n) {
  constexpr int kWidth = Chunks<Word>::kWidth;
  return n % kWidth == 0 && n <= kBlock * kWidth;
}

/// Copies n words to shared memory. `whole` says that they are aligned and `are_chunks_of_block`.
template <class Word>
ROI_GPU void stage(const Word* from, int n, Word* staged, bool whole) {
  if (whole) {
    const int i = thread() * Chunks<Word>::kWidth;
    if (i < n) store_chunk(staged + i, load_once(reinterpret_cast<const Chunk*>(from + i)));
    return;
  }
  const Chunks chunks(from, n);
  const auto at = [&](int chunk) { return reinterpret_cast<const Chunk*>(from + chunks.word(chunk)); };
#pragma unroll 1
  for (int i = thread(); i < chunks.count; i += 2 * kBlock) {
    const bool has_next = i + kBlock < chunks.count;
    Chunk one = load_once(at(i)), next{};
    if (has_next) next = load_once(at(i + kBlock));
    store_chunk(staged + chunks.word(i), one);
    if (has_next) store_chunk(staged + chunks.word(i + kBlock), next);
  }
  chunks.each_other(n, [&](int i) { store_shared(staged + i, load_once(from + i)); });
}

/// Copies n words from shared memory, where they lie as `source` does.
template <class Word>
ROI_GPU void unstage(const Word* staged, int n, const Word* source, Word* to, bool whole) {
  if (whole) {
    const int i = thread() * Chunks<Word>::kWidth;
    if (i < n) store_once(reinterpret_cast<Chunk*>(to + i), load_chunk(staged + i));
    return;
  }
  const Chunks chunks(to, n);
  const auto copy = [&](int i) { store_once(to + i, load_shared(staged + i)); };
  if ((words_off(to) - words_off(source)) % Chunks<Word>::kWidth != 0) {
#pragma unroll 1
    for (int i = thread(); i < n; i += kBlock) copy(i);
    return;
  }
#pragma unroll 1
  for (int i = thread(); i < chunks.count; i += kBlock) {
    const int word = chunks.word(i);
    store_once(reinterpret_cast<Chunk*>(to + word), load_chunk(staged + word));
  }
  chunks.each_other(n, copy);
}

}  // namespace roi::cuda
