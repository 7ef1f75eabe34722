#include "step.cuh"

ROI_KERNEL(roi_step_float16, roi::cuda::StepParams) { roi::cuda::step<roi::gpu::Float16>(params); }
