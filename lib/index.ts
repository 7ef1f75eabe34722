export { Batch } from './batch';
export type { BatchSizes, BatchTensors } from './batch-shape';
export { Device, type DeviceInfo, type DeviceOptions, devices, openDevice } from './device';
export { type ErrorCode, isRoiLossError, type RoiLossError } from './errors';
export type { Graph } from './graph';
export { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss } from './losses';
export { LossStep, TermStep } from './step';
export { Tensor } from './tensor';
export type * from './types';
