#include "step.cuh"

/// What a launch costs by itself, for benchmarks.
ROI_KERNEL(roi_nothing, roi::cuda::StepParams) {}

ROI_KERNEL(roi_step_float32, roi::cuda::StepParams) { roi::cuda::step<float>(params); }
