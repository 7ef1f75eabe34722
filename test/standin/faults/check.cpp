#include <algorithm>
#include <cstring>
#include <numeric>

#include "session.h"

// standin_check KERNEL 0|1: runs a kernel of kernels.cu and prints what the driver says of it, and
// whether the results are right.

using namespace roi::standin;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Session session;
  constexpr int kCount = 5000;
  std::vector<float> in(kCount), out(kCount);
  for (int i = 0; i < kCount; i++) in[static_cast<size_t>(i)] = static_cast<float>(i % 100);
  FaultParams params;
  params.in = reinterpret_cast<const float*>(session.upload(in));
  params.out = reinterpret_cast<float*>(session.allocate(kCount * sizeof(float)));
  params.fresh = reinterpret_cast<float*>(session.allocate(kCount * sizeof(float)));
  const DevicePointer sum = session.allocate(16);
  params.sum = reinterpret_cast<unsigned long long*>(sum);
  ROI_EXPECT(set_bytes(sum, 0, 16, session.stream));
  params.count = kCount;
  params.planted = std::strcmp(argv[2], "1") == 0;
  ROI_EXPECT(session.run(argv[1], params, 20));
  const Status result = stream_synchronize(session.stream);
  if (result != kSuccess) {
    std::printf("%s\n", name_of(result));
    return 0;
  }
  unsigned long long total = 0;
  ROI_EXPECT(copy_to_host(out.data(), reinterpret_cast<DevicePointer>(params.out), kCount * sizeof(float),
                          session.stream));
  ROI_EXPECT(copy_to_host(&total, sum, sizeof total, session.stream));
  const bool doubled =
      std::equal(in.begin(), in.end(), out.begin(), [](float x, float y) { return y == 2 * x; });
  const bool summed = total == static_cast<unsigned long long>(std::accumulate(in.begin(), in.end(), 0.0));
  std::printf("%s\n", doubled || summed ? "right" : "wrong");
}
