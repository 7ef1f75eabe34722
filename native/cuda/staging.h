#pragma once

#include "memory.h"

namespace roi::cuda {

/// Copies between the host's memory and the device's, by pieces through pinned memory: while one piece is on
/// its way the next is being filled.
class Staging {
 public:
  explicit Staging(std::shared_ptr<Gpu> gpu);
  /// Enqueued when it returns; `source` is done with.
  void write(DevicePointer target, const void* source, size_t bytes, StreamHandle stream);
  /// Done when it returns.
  void read(DevicePointer source, void* target, size_t bytes, StreamHandle stream);

 private:
  static constexpr size_t kPiece = size_t{1} << 20;

  struct Piece {
    explicit Piece(const std::shared_ptr<Gpu>& gpu) : memory(gpu, kPiece), done(gpu) {}
    MappedMemory memory;
    Event done;
    bool busy = false;

    void record(StreamHandle stream);
    void wait();
  };

  const std::shared_ptr<Gpu> gpu_;
  Piece pieces_[2];
  int next_ = 0;
};

}  // namespace roi::cuda
