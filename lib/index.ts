export { Batch } from './batch';
export type { BatchSizes, BatchTensors } from './batch-shape';
export {
  type BoxDecoding,
  type BoxEncoding,
  clipBoxes,
  type DeltaOptions,
  type DeltaWeights,
  decodeBoxes,
  encodeBoxes,
  type NmsInputs,
  nms,
} from './boxes';
export { type CocoAnnotation, type CocoObjects, type CocoOptions, type CocoRuns, fromCoco } from './coco';
export { Device } from './device';
export { type DeviceInfo, type DeviceOptions, devices, openDevice } from './devices';
export { type ErrorCode, isRoiLossError, type RoiLossError } from './errors';
export type { Graph } from './graph';
export type { HostOptions } from './host';
export { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss } from './losses';
export { type Matches, type MatchInputs, type MatchOptions, matchBoxes } from './matching';
export { type SampleOptions, sampleRois } from './sampling';
export { LossStep, TermStep } from './step';
export { Tensor } from './tensor';
export type { TermName } from './terms';
export type * from './types';
