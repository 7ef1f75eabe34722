#include "step.cuh"

ROI_KERNEL(roi_step_bfloat16, roi::cuda::StepParams) { roi::cuda::step<roi::gpu::BFloat16>(params); }
