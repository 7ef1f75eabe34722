#include "graph.h"

namespace roi::cuda {

bool Graph::is_supported(const Driver& d) {
  return d.capture_status && d.capture_begin && d.capture_end && d.graph_instantiate && d.graph_launch &&
         d.graph_destroy && d.graph_exec_destroy;
}

void Graph::begin(const Gpu& gpu, StreamHandle stream, int mode) {
  if (!is_supported(gpu.driver())) throw DeviceError("this driver has no CUDA graphs");
  gpu.driver().check(gpu.driver().capture_begin(stream, mode), "beginning a capture");
}

std::unique_ptr<Graph> Graph::end(std::shared_ptr<Gpu> gpu, StreamHandle stream) {
  const Driver& driver = gpu->driver();
  GraphHandle graph = nullptr;
  driver.check(driver.capture_end(stream, &graph), "ending a capture");
  GraphExecHandle exec = nullptr;
  const Status result = driver.graph_instantiate(&exec, graph, 0);
  driver.graph_destroy(graph);
  driver.check(result, "making a graph ready");
  return std::make_unique<Graph>(std::move(gpu), exec);
}

void Graph::abandon(const Gpu& gpu, StreamHandle stream) {
  GraphHandle graph = nullptr;
  if (gpu.driver().capture_end(stream, &graph) == kSuccess) gpu.driver().graph_destroy(graph);
}

Graph::~Graph() {
  if (const Current current(*gpu_, std::nothrow); current) gpu_->driver().graph_exec_destroy(exec_);
}

void Graph::launch(StreamHandle stream) const {
  gpu_->driver().check(gpu_->driver().graph_launch(exec_, stream), "launching a graph");
}

}  // namespace roi::cuda
