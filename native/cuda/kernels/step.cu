#include "step.cuh"

// All kernels in one image: they have so much in common that it takes little more room than one of them.

ROI_KERNEL(roi_step_float32, roi::cuda::StepParams) { roi::cuda::step<float>(params); }
ROI_KERNEL(roi_step_float16, roi::cuda::StepParams) { roi::cuda::step<roi::gpu::Float16>(params); }
ROI_KERNEL(roi_step_bfloat16, roi::cuda::StepParams) { roi::cuda::step<roi::gpu::BFloat16>(params); }

/// What a launch costs by itself, for benchmarks.
ROI_KERNEL(roi_nothing, roi::cuda::StepParams) {}
