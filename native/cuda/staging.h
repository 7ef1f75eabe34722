#pragma once

#include "memory.h"

namespace roi::cuda {

/// A copy within the host's memory that the stream comes to in its order.
struct HostCopy {
  const void* source;
  void* target;
  size_t bytes;
};

/// Copies between the host's memory and the device's, by pieces through pinned memory: while one piece is on
/// its way the next is being filled.
class Staging {
 public:
  explicit Staging(std::shared_ptr<Gpu> gpu);
  /// Enqueued when it returns; `source` is done with.
  void write(DevicePointer target, const void* source, size_t bytes, StreamHandle stream);
  /// Done when it returns.
  void read(DevicePointer source, void* target, size_t bytes, StreamHandle stream);
  /// Enqueued when it returns. The stream comes to all of it before what is enqueued next; until then the
  /// copies, and `target`, are to be kept.
  std::vector<HostCopy> read_later(DevicePointer source, void* target, size_t bytes, StreamHandle stream);

 private:
  static constexpr size_t kPiece = size_t{1} << 20;
  static constexpr size_t kLaterPiece = size_t{4} << 20;

  struct Piece {
    explicit Piece(const std::shared_ptr<Gpu>& gpu) : memory(gpu, kPiece), done(gpu) {}
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    /// Pinned memory is freed without waiting for the copy that reads it.
    ~Piece() {
      if (busy) done.settle();
    }
    MappedMemory memory;
    Event done;
    bool busy = false;

    void record(StreamHandle stream);
    void wait();
  };

  template <class Copy>
  void settle(StreamHandle stream, Copy copy);
  void write_pieces(DevicePointer target, const void* source, size_t bytes, StreamHandle stream);
  void read_pieces(DevicePointer source, void* target, size_t bytes, StreamHandle stream);

  const std::shared_ptr<Gpu> gpu_;
  Piece pieces_[2];
  int next_ = 0;
  std::unique_ptr<MappedMemory> later_;  // in the order of the stream, one piece after another
};

}  // namespace roi::cuda
