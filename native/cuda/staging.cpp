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

// A copy may be on its way when the next call fails: its piece is not to be used again before it has arrived.
template <class Copy>
void Staging::settle(StreamHandle stream, Copy copy) {
  try {
    copy();
  } catch (...) {
    gpu_->driver().stream_synchronize(stream);
    throw;
  }
}

void Staging::write(DevicePointer target, const void* source, size_t bytes, StreamHandle stream) {
  const Current current(*gpu_);
  settle(stream, [&] { write_pieces(target, source, bytes, stream); });
}

void Staging::read(DevicePointer source, void* target, size_t bytes, StreamHandle stream) {
  const Current current(*gpu_);
  settle(stream, [&] { read_pieces(source, target, bytes, stream); });
}

void Staging::write_pieces(DevicePointer target, const void* source, size_t bytes, StreamHandle stream) {
  const Driver& driver = gpu_->driver();
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

void Staging::read_pieces(DevicePointer source, void* target, size_t bytes, StreamHandle stream) {
  const Driver& driver = gpu_->driver();
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

// By the stream itself, which calls the host: no thread of this process waits, and whatever is enqueued
// behind cannot change what is read.
std::vector<HostCopy> Staging::read_later(DevicePointer source, void* target, size_t bytes,
                                          StreamHandle stream) {
  const Driver& driver = gpu_->driver();
  if (!driver.host_function) {
    read(source, target, bytes, stream);
    return {};
  }
  if (!later_) later_ = std::make_unique<MappedMemory>(gpu_, kLaterPiece);
  const Current current(*gpu_);
  std::vector<HostCopy> copies;
  copies.reserve(bytes / kLaterPiece + 1);  // they stay where they are
  const auto run = [](void* data) {
    const auto& copy = *static_cast<const HostCopy*>(data);
    std::memcpy(copy.target, copy.source, copy.bytes);
  };
  try {
    for (size_t done = 0; done < bytes; done += kLaterPiece) {
      const size_t size = std::min(kLaterPiece, bytes - done);
      driver.check(driver.copy_to_host(later_->host(), source + done, size, stream), "copying to the host");
      copies.push_back({later_->host(), static_cast<char*>(target) + done, size});
      driver.check(driver.host_function(stream, run, &copies.back()), "copying within the host");
    }
  } catch (...) {
    driver.stream_synchronize(stream);  // some of the copies may be on their way
    throw;
  }
  return copies;
}

}  // namespace roi::cuda
