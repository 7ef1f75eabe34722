#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "session.h"

// standin_host CASE: what the stand-in says of right and wrong uses of the driver's functions.

namespace roi::standin {

namespace {

#define ROI_CHECK(condition) check(condition, #condition, __LINE__)
void check(bool condition, const char* text, int line) {
  if (condition) return;
  std::fprintf(stderr, "line %d: not so: %s\n", line, text);
  std::exit(1);
}

constexpr size_t kCount = 5000, kBytes = kCount * sizeof(float);

struct Buffers {
  explicit Buffers(const Session& session)
      : in(session.upload(std::vector<float>(kCount, 3.0f))), out(session.allocate(kBytes)) {}
  FaultParams params() const {
    return {
        reinterpret_cast<const float*>(in), reinterpret_cast<float*>(out), nullptr, nullptr, kCount, false};
  }
  DevicePointer in, out;
};

constexpr const char* kKernel = "barrier_in_a_branch";

void objects_are_counted() {
  {
    Session session;
    const Buffers buffers(session);
    EventHandle event;
    void* host;
    ROI_EXPECT(event_create(&event, kEventBlockingSync | kEventDisableTiming));
    ROI_EXPECT(host_allocate(&host, 64, kHostAllocPortable | kHostAllocMapped));
    ROI_CHECK(roi_standin_count("allocations") == 2 && roi_standin_count("host allocations") == 1);
    ROI_CHECK(roi_standin_count("streams") == 1 && roi_standin_count("events") == 1);
    ROI_CHECK(roi_standin_count("contexts") == 1 && roi_standin_count("modules") == 1);
    ROI_CHECK(roi_standin_count("cuMemAlloc_v2") == 2);
    ROI_EXPECT(memory_free(buffers.in));
    ROI_CHECK(memory_free(buffers.in) == kInvalidValue);
    ROI_EXPECT(host_free(host));
    ROI_EXPECT(event_destroy(event));
    ROI_CHECK(event_destroy(event) == kInvalidHandle);
    ROI_EXPECT(stream_destroy(session.stream));
    ROI_CHECK(stream_destroy(session.stream) == kInvalidHandle);
    ROI_EXPECT(primary_context_release(0));
    ROI_CHECK(memory_free(buffers.out) == kContextIsDestroyed);
  }
  for (const char* what : {"allocations", "host allocations", "streams", "events", "contexts", "modules"}) {
    ROI_CHECK(roi_standin_count(what) == 0);
  }
}

void calls_fail_on_demand() {
  const Session session;
  DevicePointer pointer;
  ROI_CHECK(roi_standin_fail("cuMemAlloc_v2:2=2,cuStreamCreate:*=999") == 1);
  ROI_EXPECT(memory_allocate(&pointer, 16));
  ROI_CHECK(memory_allocate(&pointer, 16) == kOutOfMemory);
  ROI_EXPECT(memory_allocate(&pointer, 16));
  StreamHandle stream;
  for (int i = 0; i < 3; i++) ROI_CHECK(stream_create(&stream, 0) == 999);
  for (const char* bad : {"cuNothing:1=2", "cuMemAlloc_v2", "cuMemAlloc_v2:x=2", "cuMemAlloc_v2:1=0"}) {
    ROI_CHECK(roi_standin_fail(bad) == 0);
  }
  ROI_CHECK(roi_standin_fail("") == 1);
  ROI_EXPECT(stream_create(&stream, 0));
}

/// With ROI_STANDIN_MEM_MB=8.
void memory_runs_out() {
  const Session session;
  const DevicePointer pointer = session.allocate(5 << 20);
  DevicePointer other;
  ROI_CHECK(memory_allocate(&other, 5 << 20) == kOutOfMemory);
  ROI_EXPECT(memory_free(pointer));
  ROI_EXPECT(memory_allocate(&other, 5 << 20));
}

void only_fatbins_are_loaded() {
  const Session session;
  cuda::Module module;
  ROI_CHECK(module_load(&module, ".version 8.0") == kInvalidImage);
  cuda::Function function;
  ROI_CHECK(module_function(&function, session.module, "no_such_kernel") == kNotFound);
}

void devices_are_kept_apart() {
  const Session one(0);
  const Buffers buffers(one);
  ROI_EXPECT(stream_synchronize(one.stream));
  const Session two(1);
  ROI_CHECK(set_bytes(buffers.out, 0, kBytes, two.stream) == kInvalidValue);
  ROI_CHECK(set_bytes(buffers.out, 0, kBytes, one.stream) == kInvalidHandle);
  int device = -1;
  ROI_EXPECT(pointer_attribute(&device, kPointerDeviceOrdinal, buffers.out));
  ROI_CHECK(device == 0);
  ROI_CHECK(one.run(kKernel, buffers.params()) == kInvalidHandle);
  ROI_EXPECT(two.run(kKernel, buffers.params()));
  ROI_CHECK(stream_synchronize(two.stream) == kIllegalAddress);
  ROI_EXPECT(context_pop(nullptr));
  ROI_EXPECT(one.run(kKernel, buffers.params()));
  ROI_EXPECT(stream_synchronize(one.stream));
}

void a_broken_context_stays_broken_until_released() {
  const Session broken;
  const Buffers buffers(broken);
  ROI_EXPECT(memory_free(buffers.in));
  ROI_EXPECT(broken.run(kKernel, buffers.params()));
  ROI_CHECK(stream_synchronize(broken.stream) == kIllegalAddress);
  DevicePointer pointer;
  ROI_CHECK(memory_allocate(&pointer, 16) == kIllegalAddress);
  ROI_CHECK(memory_free(buffers.out) == kIllegalAddress);
  ROI_EXPECT(primary_context_release(0));
  const Session fresh;
  const Buffers others(fresh);
  ROI_EXPECT(fresh.run(kKernel, others.params()));
  ROI_EXPECT(stream_synchronize(fresh.stream));
}

void streams_and_copies_are_asynchronous() {
  const Session session;
  const Buffers buffers(session);
  void* pinned;
  ROI_EXPECT(host_allocate(&pinned, kBytes, kHostAllocMapped));
  const auto* const numbers = static_cast<const volatile float*>(pinned);
  EventHandle event;
  ROI_EXPECT(event_create(&event, kEventBlockingSync | kEventDisableTiming));
  ROI_EXPECT(event_synchronize(event));
  int early = 0;
  for (int i = 0; i < 20; i++) {
    std::memset(pinned, 0, kBytes);
    ROI_EXPECT(session.run(kKernel, buffers.params()));
    ROI_EXPECT(copy_to_host(pinned, buffers.out, kBytes, session.stream));
    ROI_EXPECT(event_record(event, session.stream));
    early += numbers[kCount - 1] == 0;
    ROI_EXPECT(event_synchronize(event));
    ROI_CHECK(numbers[kCount - 1] == 6);
  }
  ROI_CHECK(early > 0);

  // What is pinned is read when its turn comes; what is not, before the call returns.
  ROI_EXPECT(session.run(kKernel, buffers.params(), 1000));
  std::vector<float> pageable(kCount, 1.0f);
  ROI_EXPECT(copy_to_device(buffers.in, pageable.data(), kBytes, session.stream));
  std::fill(pageable.begin(), pageable.end(), 2.0f);
  ROI_EXPECT(copy_to_host(pageable.data(), buffers.in, kBytes, session.stream));
  ROI_CHECK(pageable[7] == 1);
}

void kernels_reach_pinned_memory() {
  const Session session;
  const Buffers buffers(session);
  void* pinned;
  ROI_EXPECT(host_allocate(&pinned, kBytes, kHostAllocMapped));
  DevicePointer address;
  ROI_EXPECT(host_device_pointer(&address, pinned, 0));
  FaultParams params = buffers.params();
  params.out = reinterpret_cast<float*>(address);
  ROI_EXPECT(session.run(kKernel, params));
  ROI_EXPECT(stream_synchronize(session.stream));
  ROI_CHECK(static_cast<const float*>(pinned)[kCount - 1] == 6);
}

void a_capture_keeps_work_for_launches() {
  const Session session;
  const Buffers buffers(session);
  ROI_EXPECT(set_bytes(buffers.out, 0, kBytes, session.stream));
  std::vector<float> numbers(kCount);
  const auto out = [&] {
    ROI_EXPECT(copy_to_host(numbers.data(), buffers.out, kBytes, session.stream));
    return numbers[kCount - 1];
  };
  GraphHandle graph;
  GraphExecHandle exec;
  ROI_EXPECT(capture_begin(session.stream, kCaptureThreadLocal));
  ROI_CHECK(capture_begin(session.stream, kCaptureThreadLocal) == kIllegalState);
  ROI_EXPECT(session.run(kKernel, buffers.params()));
  ROI_EXPECT(capture_end(session.stream, &graph));
  ROI_CHECK(capture_end(session.stream, &graph) == kIllegalState);
  ROI_EXPECT(graph_instantiate(&exec, graph, 0));
  ROI_EXPECT(graph_destroy(graph));
  ROI_CHECK(out() == 0);
  for (int i = 0; i < 2; i++) {
    ROI_EXPECT(graph_launch(exec, session.stream));
    ROI_CHECK(out() == 6);
    ROI_EXPECT(set_bytes(buffers.out, 0, kBytes, session.stream));
  }
  ROI_EXPECT(graph_exec_destroy(exec));
  ROI_CHECK(graph_launch(exec, session.stream) == kInvalidHandle && roi_standin_count("graphs") == 0);
}

void captures_forbid_waiting_and_allocating() {
  const Session session;
  const Buffers buffers(session);
  EventHandle event;
  GraphHandle graph;
  DevicePointer pointer;
  ROI_EXPECT(event_create(&event, kEventDisableTiming));
  const auto survives = [&](int mode, auto act) {
    ROI_EXPECT(capture_begin(session.stream, mode));
    act();
    return capture_end(session.stream, &graph) == kSuccess;
  };
  const auto allocate = [&](Status expected) {
    return [&, expected] { ROI_CHECK(memory_allocate(&pointer, 16) == expected); };
  };
  ROI_CHECK(!survives(kCaptureGlobal, allocate(kCaptureUnsupported)));
  ROI_CHECK(!survives(kCaptureThreadLocal, allocate(kCaptureUnsupported)));
  ROI_CHECK(survives(kCaptureRelaxed, allocate(kSuccess)));
  ROI_CHECK(!survives(kCaptureRelaxed,
                      [&] { ROI_CHECK(stream_synchronize(session.stream) == kCaptureUnsupported); }));
  ROI_CHECK(survives(kCaptureRelaxed, [&] {
    ROI_EXPECT(event_record(event, session.stream));
    ROI_CHECK(event_synchronize(event) == kCapturedEvent);
  }));
  // Of other threads a global capture forbids the same, unless they have said that they know.
  for (const int mode : {kCaptureGlobal, kCaptureThreadLocal, kCaptureRelaxed}) {
    const bool forbidden = mode == kCaptureGlobal;
    ROI_CHECK(forbidden != survives(kCaptureGlobal, [&] {
                std::thread([&, own = mode]() mutable {
                  ROI_EXPECT(context_push(session.context));
                  ROI_EXPECT(capture_mode(&own));
                  allocate(forbidden ? kCaptureUnsupported : kSuccess)();
                }).join();
              }));
  }
}

void threads_share_a_context() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([] {
      for (int i = 0; i < 10; i++) {
        const Session session;
        const Buffers buffers(session);
        ROI_EXPECT(session.run(kKernel, buffers.params()));
        ROI_EXPECT(stream_synchronize(session.stream));
        ROI_EXPECT(stream_destroy(session.stream));
        ROI_EXPECT(memory_free(buffers.in));
        ROI_EXPECT(memory_free(buffers.out));
        ROI_EXPECT(context_pop(nullptr));
        ROI_EXPECT(primary_context_release(0));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ROI_CHECK(roi_standin_count("contexts") == 0);
}

void exits_with_work_pending() {
  const Session session;
  const Buffers buffers(session);
  for (int i = 0; i < 100; i++) ROI_EXPECT(session.run(kKernel, buffers.params(), 100));
}

/// Must not return: device memory is not the host's.
void host_dereferences() {
  const Session session;
  *reinterpret_cast<volatile float*>(session.allocate(16)) = 1;
}

void another_process_opens_memory() {
  int ready[2], done[2];
  ROI_CHECK(pipe(ready) == 0 && pipe(done) == 0);
  IpcHandle handle;
  if (fork() == 0) {
    const Session session;
    const Buffers buffers(session);
    ROI_EXPECT(stream_synchronize(session.stream));
    ROI_EXPECT(ipc_get_handle(&handle, buffers.in));
    DevicePointer same;
    ROI_CHECK(ipc_open_handle(&same, handle, kIpcLazyPeerAccess) == kInvalidContext);
    ROI_CHECK(write(ready[1], &handle, sizeof handle) == sizeof handle);
    ROI_CHECK(read(done[0], &handle, 1) == 1);
    std::vector<float> numbers(kCount);
    ROI_EXPECT(copy_to_host(numbers.data(), buffers.in, kBytes, session.stream));
    std::exit(numbers[1] == 6 ? 0 : 1);
  }
  ROI_CHECK(read(ready[0], &handle, sizeof handle) == sizeof handle);
  const Session session;
  DevicePointer opened;
  ROI_EXPECT(ipc_open_handle(&opened, handle, kIpcLazyPeerAccess));
  FaultParams params = Buffers(session).params();
  params.out = reinterpret_cast<float*>(opened);
  ROI_EXPECT(session.run(kKernel, params));
  ROI_EXPECT(stream_synchronize(session.stream));
  ROI_EXPECT(ipc_close_handle(opened));
  ROI_CHECK(write(done[1], "", 1) == 1);
  int status = -1;
  wait(&status);
  ROI_CHECK(status == 0);
}

struct Case {
  const char* name;
  void (*run)();
};
#define ROI_CASE(name) \
  {                    \
#name, name        \
  }
constexpr Case kCases[] = {ROI_CASE(objects_are_counted),
                           ROI_CASE(calls_fail_on_demand),
                           ROI_CASE(memory_runs_out),
                           ROI_CASE(only_fatbins_are_loaded),
                           ROI_CASE(devices_are_kept_apart),
                           ROI_CASE(a_broken_context_stays_broken_until_released),
                           ROI_CASE(streams_and_copies_are_asynchronous),
                           ROI_CASE(kernels_reach_pinned_memory),
                           ROI_CASE(a_capture_keeps_work_for_launches),
                           ROI_CASE(captures_forbid_waiting_and_allocating),
                           ROI_CASE(threads_share_a_context),
                           ROI_CASE(exits_with_work_pending),
                           ROI_CASE(host_dereferences),
                           ROI_CASE(another_process_opens_memory)};

}  // namespace

}  // namespace roi::standin

int main(int argc, char** argv) {
  for (const auto& [name, run] : roi::standin::kCases) {
    if (argc == 2 && std::string(name) == argv[1]) {
      run();
      return 0;
    }
  }
  return 2;
}
