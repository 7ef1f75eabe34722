#include "step.cuh"

ROI_KERNEL(roi_step_float32, roi::cuda::StepParams) { roi::cuda::step<float>(params); }
