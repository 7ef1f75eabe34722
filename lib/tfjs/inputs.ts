import type * as tfjs from '@tensorflow/tfjs-core';
import { checkChoice, checkSizes, product } from '../check';
import { plainError, rangeError, show, typeError } from '../errors';
import type { HostOptions } from '../host';
import { type Hints, type InputArrays, shapeOfInputs, termsOf } from '../host-shape';
import { type ByInput, type InputName, inputNames, inputOf } from '../inputs';
import { type ArraySpec, inputSpecs, type StepShape, symbolsOf } from '../shape';
import type { HostArray, HostMaskOptions, Layout } from '../types';
import type { TensorFlow } from './op';

export type Tensors = ByInput<tfjs.Tensor>;

/** What arrays do not tell, and tensors do. */
export type ArrayOptions = Pick<
  HostOptions & HostMaskOptions,
  'classes' | 'layout' | 'maskSize' | 'imageSize'
>;

interface Expected {
  readonly dtypes: readonly string[];
  /** The ways in which the axes may lie: the first is the default. */
  readonly shapes: readonly string[];
}

/** Tensors here hold float32, int32 or bool; bytes come as either of the latter. */
function expectedOf(name: InputName): Expected {
  const { dtypes, axes, channelsLast } = inputOf(name);
  const own = dtypes.filter((dtype) => dtype === 'float32' || dtype === 'int32');
  const shapes = [...(channelsLast ? [channelsLast] : []), axes].map(symbolsOf);
  return {
    dtypes: dtypes.includes('uint8') ? [...own, 'bool', 'int32'] : own,
    // Boxes may be flat, as a dense layer makes them.
    shapes: name === 'boxDeltas' ? [...shapes, '[R, channels · 4]'] : shapes,
  };
}
const expected = Object.fromEntries(inputNames.map((name) => [name, expectedOf(name)])) as {
  readonly [K in InputName]: Expected;
};
const masks = expected.maskLogits.shapes;

const rankOf = (symbols: string) => symbols.split(',').length;

function checkTensor(tf: TensorFlow, name: InputName, value: unknown): asserts value is tfjs.Tensor {
  const { dtypes, shapes } = expected[name];
  if (!(value instanceof tf.Tensor))
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is ${show(value)}; expected a tf.Tensor ${shapes[0]}`);
  if (value.isDisposed) throw plainError('ERR_ROI_LOSS_DISPOSED', `${name} has been disposed`);
  if (!dtypes.includes(value.dtype))
    throw typeError('ERR_ROI_LOSS_DTYPE', `${name} is ${value.dtype}; expected ${dtypes.join(' or ')}`);
  if (!shapes.some((symbols) => rankOf(symbols) === value.rank))
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has the shape [${value.shape.join(', ')}]; expected ${shapes.join(' or ')}${
        name === 'labels' && value.rank === 2
          ? ', the class of each RoI. One-hot? tf.argMax(labels, 1) tells it'
          : ''
      }`,
    );
}

/** The numbers of a tensor: on the cpu backend its own memory, else a copy. */
function arrayOf(name: InputName, tensor: tfjs.Tensor): HostArray {
  const array = tensor.dataSync();
  const isWideMask = inputOf(name).dtypes.includes('uint8') && tensor.dtype === 'int32';
  return isWideMask ? Uint8Array.from(array, (y) => Number(y !== 0)) : array;
}

/** Throws unless the shape is what follows from the others. */
function checkShape(name: InputName, { shape, rank }: tfjs.Tensor, spec: ArraySpec): void {
  const isFlat = name === 'boxDeltas' && rank === 2;
  const [rois = 0, ...rest] = spec.shape;
  const symbols = isFlat ? (expected[name].shapes[1] as string) : spec.symbols;
  const wanted = isFlat ? [rois, product(rest)] : spec.shape;
  checkSizes(name, shape, symbols, wanted);
}

/** The channels that the shapes tell, where no RoI does. */
function channelsOf({ boxDeltas, maskLogits }: Tensors, layout: Layout): Hints {
  const [, rows = 0, columns] = boxDeltas?.shape ?? [];
  return {
    boxChannels: boxDeltas && (columns === undefined ? rows / 4 : rows),
    maskChannels: maskLogits?.shape[layout === 'nhwc' ? 3 : 1],
  };
}

/** Throws where the channels of masks stand in the other place. */
function checkChannelAxis(
  { maskLogits }: Tensors,
  layout: Layout,
  classes: number | undefined,
  given: unknown,
): void {
  if (!maskLogits || classes === undefined) return;
  const fits = (axis: number) => [classes, classes - 1, 1].includes(maskLogits.shape[axis] as number);
  const [axis, otherAxis] = layout === 'nhwc' ? [3, 1] : [1, 3];
  if (fits(axis) || !fits(otherAxis)) return;
  const [symbols, other, otherLayout] =
    layout === 'nhwc' ? [masks[0], masks[1], 'nchw'] : [masks[1], masks[0], 'nhwc'];
  throw rangeError(
    'ERR_ROI_LOSS_SHAPE',
    `maskLogits has the shape [${maskLogits.shape.join(', ')}], read as ${symbols} with ${
      given === undefined ? 'the default ' : ''
    }layout: '${layout}'; expected ${classes}, ${classes - 1} or 1 channels. If it is ${other}, give layout: '${otherLayout}'`,
  );
}

/** Checks the tensors, each and against the others, and reads them. */
export function readTensors(
  tf: TensorFlow,
  tensors: Tensors,
  options: ArrayOptions,
): { readonly arrays: InputArrays; readonly shape: StepShape } {
  const layout = checkChoice('layout', options.layout, ['nhwc', 'nchw']);
  const arrays: { [name: string]: HostArray } = {};
  for (const [name, tensor] of Object.entries(tensors) as [InputName, unknown][]) {
    checkTensor(tf, name, tensor);
    arrays[name] = arrayOf(name, tensor);
  }
  const { classLogits, classProbs, maskLogits, gtMasks } = tensors;
  const [height = 0, width = 0] = maskLogits?.shape.slice(layout === 'nhwc' ? 1 : 2) ?? [];
  const arrayOptions = {
    classes: options.classes ?? (classLogits ?? classProbs)?.shape[1],
    layout,
    maskSize: maskLogits && ([height, width] as const),
    imageSize: gtMasks && ([gtMasks.shape[1] ?? 0, gtMasks.shape[2] ?? 0] as const),
  };
  checkChannelAxis(tensors, layout, arrayOptions.classes, options.layout);
  const shape = shapeOfInputs(arrays, arrayOptions, termsOf(arrays), channelsOf(tensors, layout));
  for (const [name, spec] of Object.entries(inputSpecs(shape)) as [InputName, ArraySpec][])
    checkShape(name, tensors[name] as tfjs.Tensor, spec);
  return { arrays, shape };
}
