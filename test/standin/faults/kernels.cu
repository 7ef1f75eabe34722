#include "kernels.h"

#include <gpu.cuh>

#ifdef __CUDACC__
#error "These kernels are wrong on purpose and must not run on a GPU"
#endif

#include "../exports.h"

// Kernels with one fault each that `planted` turns on. All write the same: out[i] = 2·in[i], or a sum.

using namespace roi::gpu;

namespace {

float* shared_floats() { return reinterpret_cast<float*>(shared_memory()); }

ROI_GPU int global_thread() { return block() * 256 + thread(); }

ROI_GPU void double_all(const FaultParams& params) {
  for (int i = global_thread(); i < params.count; i += blocks() * 256) {
    store(params.out + i, 2 * load(params.in + i));
  }
}

ROI_GPU float warp_sum(float x) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}

}  // namespace

ROI_KERNEL(missing_barrier, FaultParams) {
  float x = 0;
  for (int i = global_thread(); i < params.count; i += blocks() * 256) x += load(params.in + i);
  x = warp_sum(x);
  if (thread() % kWarp == 0) store_shared(shared_floats() + thread() / kWarp, x);
  if (!params.planted) block_barrier();
  if (thread() != 0) return;
  float sum = 0;
  for (int warp = 0; warp < 8; warp++) sum += load_shared(shared_floats() + warp);
  atomic_add(params.sum, static_cast<unsigned long long>(sum));
}

ROI_KERNEL(missing_warp_barrier, FaultParams) {
  const int i = global_thread(), lane = thread() % kWarp;
  if (i < params.count) store_shared(shared_floats() + thread(), load(params.in + i));
  if (!params.planted) warp_barrier();
  const float x = i < params.count ? load_shared(shared_floats() + (thread() ^ 1)) : 0;
  const float y = shuffle(x, lane ^ 1);
  if (i < params.count) store(params.out + i, 2 * y);
}

ROI_KERNEL(race_on_shared, FaultParams) {
  // With the fault, all warps share the numbers of one.
  const int slot = params.planted ? thread() % kWarp : thread();
  for (int i = global_thread(); i < params.count; i += blocks() * 256) {
    store_shared(shared_floats() + slot, load(params.in + i));
    store(params.out + i, 2 * load_shared(shared_floats() + slot));
  }
}

ROI_KERNEL(unwritten_shared, FaultParams) {
  if (!params.planted) store_shared(shared_floats() + thread(), 0.0f);
  const float zero = load_shared(shared_floats() + thread());
  for (int i = global_thread(); i < params.count; i += blocks() * 256) {
    store(params.out + i, zero + 2 * load(params.in + i));
  }
}

ROI_KERNEL(outside_of_shared, FaultParams) {
  store_shared(shared_floats() + thread() + (params.planted ? 1 : 0), 1.0f);
  double_all(params);
}

ROI_KERNEL(store_out_of_range, FaultParams) {
  for (int i = global_thread(); i < params.count + params.planted; i += blocks() * 256) {
    store(params.out + i, 2 * load(params.in + (i < params.count ? i : 0)));
  }
}

ROI_KERNEL(load_out_of_range, FaultParams) {
  if (params.planted && global_thread() == 77) load(params.in - 1);
  double_all(params);
}

ROI_KERNEL(unwritten_memory, FaultParams) {
  for (int i = global_thread(); i < params.count; i += blocks() * 256) {
    if (!params.planted || i % 1000 != 999) store(params.fresh + i, 0.0f);
    store(params.out + i, load_fresh(params.fresh + i) + 2 * load(params.in + i));
  }
}

ROI_KERNEL(misaligned_vector, FaultParams) {
  const int shift = params.planted ? 1 : 0;
  for (int i = 4 * global_thread(); i + 4 <= params.count; i += 4 * blocks() * 256) {
    const float4 x = load(reinterpret_cast<const float4*>(params.in + i + shift));
    store(reinterpret_cast<float4*>(params.out + i), float4{2 * x.x, 2 * x.y, 2 * x.z, 2 * x.w});
  }
}

ROI_KERNEL(shuffle_in_a_branch, FaultParams) {
  float x = 1;
  if (!params.planted || thread() % 2 == 0) x = shuffle_xor(x, 2);
  if (x > 0) double_all(params);
}

ROI_KERNEL(shuffles_in_two_branches, FaultParams) {
  float x = 1;
  if (thread() % 2 == 0 && params.planted) {
    x = shuffle_xor(x, 2);
  } else {
    x = shuffle_xor(x, 4);
  }
  if (x > 0) double_all(params);
}

ROI_KERNEL(shuffle_after_exit, FaultParams) {
  if (params.planted && thread() % kWarp == 31) return;
  if (shuffle(1.0f, 0) > 0) double_all(params);
}

ROI_KERNEL(barrier_in_a_branch, FaultParams) {
  if (!params.planted || thread() < 128) block_barrier();
  double_all(params);
}

ROI_KERNEL(guard_before, FaultParams) {
  double_all(params);
  // No function of gpu.cuh gets there, so past them.
  auto* const bytes =
      static_cast<unsigned char*>(roi::standin::roi_standin_bytes(reinterpret_cast<uint64_t>(params.out)));
  if (params.planted && global_thread() == 0) bytes[-1] = 0;
}

ROI_KERNEL(guard_after, FaultParams) {
  double_all(params);
  auto* const bytes =
      static_cast<unsigned char*>(roi::standin::roi_standin_bytes(reinterpret_cast<uint64_t>(params.out)));
  if (params.planted && global_thread() == 0) bytes[sizeof(float) * static_cast<size_t>(params.count)] = 0;
}

/// The last block adds what all blocks left, in the way of the losses' reduction.
struct LastBlock {
  bool barrier = true, releases = true, acquires = true, fresh = true;
  ROI_GPU void add(const FaultParams& params) const;
};
ROI_GPU void LastBlock::add(const FaultParams& params) const {
  double_all(params);
  if (barrier) block_barrier();
  if (thread() == 0) {
    auto* const next = reinterpret_cast<unsigned*>(params.sum + 1);
    const unsigned last = static_cast<unsigned>(blocks()) - 1;
    if (releases) roi::standin::release();
    const unsigned ticket = atomic_next(next, last);
    if (acquires) roi::standin::acquire();
    store_shared(reinterpret_cast<bool*>(shared_memory()), ticket == last);
  }
  block_barrier();
  if (!load_shared(reinterpret_cast<const bool*>(shared_memory()))) return;
  float sum = 0;
  for (int i = thread(); i < params.count; i += 256) {
    sum += fresh ? load_fresh(params.out + i) : load(params.out + i);
  }
  sum = warp_sum(sum);
  if (thread() % kWarp == 0) atomic_add(params.sum, static_cast<unsigned long long>(sum / 2));
}

ROI_KERNEL(ticket_before_the_barrier, FaultParams) { LastBlock{.barrier = !params.planted}.add(params); }

ROI_KERNEL(ticket_releases_nothing, FaultParams) { LastBlock{.releases = !params.planted}.add(params); }

ROI_KERNEL(ticket_acquires_nothing, FaultParams) { LastBlock{.acquires = !params.planted}.add(params); }

ROI_KERNEL(load_of_what_is_written, FaultParams) { LastBlock{.fresh = !params.planted}.add(params); }

ROI_KERNEL(race_on_global, FaultParams) {
  for (int i = global_thread(); i < params.count; i += blocks() * 256) store(params.fresh + i, 0.0f);
  if (!params.planted) block_barrier();
  for (int i = block() * 256 + (thread() ^ 128); i < params.count; i += blocks() * 256) {
    store(params.out + i, load_fresh(params.fresh + i) + 2 * load(params.in + i));
  }
}

ROI_KERNEL(blocks_write_the_same, FaultParams) {
  double_all(params);
  if (thread() == 0 && (params.planted || block() == 0)) store(params.fresh, 1.0f);
}
