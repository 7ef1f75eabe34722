#include "staging.h"

#include <algorithm>
#include <cstring>

namespace roi::cuda {

Staging::Staging(std::shared_ptr<Gpu> gpu) : gpu_(gpu), pieces_{Piece(gpu), Piece(gpu)} {}

void Staging::Piece::record(StreamHandle stream) {
  done.record(stream);
  busy = true;
}

void Staging::Piece::wait() {
  if (busy) done.wait();
  busy = false;
}

void Staging::write(DevicePointer target, const void* source, size_t bytes, StreamHandle stream) {
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  for (size_t done = 0; done < bytes; done += kPiece) {
    const size_t size = std::min(kPiece, bytes - done);
    Piece& piece = pieces_[next_];
    next_ = 1 - next_;
    piece.wait();
    std::memcpy(piece.memory.host(), static_cast<const char*>(source) + done, size);
    driver.check(driver.copy_to_device(target + done, piece.memory.host(), size, stream),
                 "copying to the device");
    piece.record(stream);
  }
}

void Staging::read(DevicePointer source, void* target, size_t bytes, StreamHandle stream) {
  const Driver& driver = gpu_->driver();
  const Current current(*gpu_);
  const auto fetch = [&](size_t begin) {
    if (begin >= bytes) return;
    Piece& piece = pieces_[begin / kPiece % 2];
    piece.wait();
    driver.check(
        driver.copy_to_host(piece.memory.host(), source + begin, std::min(kPiece, bytes - begin), stream),
        "copying to the host");
    piece.record(stream);
  };
  fetch(0);
  for (size_t done = 0; done < bytes; done += kPiece) {
    fetch(done + kPiece);
    Piece& piece = pieces_[done / kPiece % 2];
    piece.wait();
    std::memcpy(static_cast<char*>(target) + done, piece.memory.host(), std::min(kPiece, bytes - done));
  }
}

}  // namespace roi::cuda
