#pragma once

#include <memory>

#include "stream.h"

namespace roi::cuda {

/// Work that was captured from a stream, to be launched again and again.
class Graph : public WorkGraph {
 public:
  /// Whether the driver has the functions.
  static bool is_supported(const Driver& driver);

  /// From here on work that is enqueued on `stream` is kept instead of being done. The GPU's context is
  /// current, here and below.
  static void begin(const Gpu& gpu, StreamHandle stream, int mode);
  static std::unique_ptr<Graph> end(std::shared_ptr<Gpu> gpu, StreamHandle stream);

  /// What `enqueue(stream)` enqueues on a stream that nobody else knows.
  template <class Enqueue>
  static std::unique_ptr<Graph> of(std::shared_ptr<Gpu> gpu, Enqueue enqueue) {
    const Stream stream(gpu, 0);
    // Whatever other threads do meanwhile is none of this capture's business.
    begin(*gpu, stream.handle(), kCaptureRelaxed);
    try {
      enqueue(stream.handle());
    } catch (...) {
      abandon(*gpu, stream.handle());
      throw;
    }
    return end(std::move(gpu), stream.handle());
  }

  Graph(std::shared_ptr<Gpu> gpu, GraphExecHandle exec) : gpu_(std::move(gpu)), exec_(exec) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  /// Launches that are under way still end.
  ~Graph() override;

  void launch(StreamHandle stream) const;

 private:
  static void abandon(const Gpu& gpu, StreamHandle stream);

  const std::shared_ptr<Gpu> gpu_;
  const GraphExecHandle exec_;
};

}  // namespace roi::cuda
