import {
  checkChannels,
  checkChoice,
  checkClasses,
  checkImageSize,
  checkMaskSize,
  checkObject,
  checkOneScores,
  checkSize,
} from './check';
import { rangeError, show, typeError } from './errors';
import { type ByInput, givenNames, type InputName, inputNames, inputOf } from './inputs';
import { flag } from './numbers';
import {
  gradNames,
  hasTerm,
  isRead,
  layouts,
  maskGrads,
  type ObjectSizes,
  objectSizes,
  type StepShape,
  sourcesOf,
} from './shape';
import { Tensor } from './tensor';
import { type TermName, termNames } from './terms';
import type { DType, FloatType, GradName, Layout, LossInputs, MaskGrad, Polygons } from './types';

interface BatchOptions {
  /** Memory order of `maskLogits` and its gradient. Default `'nchw'`. */
  readonly layout?: Layout | undefined;
  /** The shape of the gradient of `maskLogits`. Default `'dense'`. */
  readonly maskGrad?: MaskGrad | undefined;
  /**
   * Write every byte of the gradients each step. By default a step clears only what the step before wrote, which is
   * much less, and requires that nobody but the batch writes to its gradients.
   */
  readonly rewrite?: boolean | undefined;
}

/** The sizes of a batch whose inputs are to be allocated. */
export interface BatchSizes extends BatchOptions {
  /** R */
  readonly rois: number;
  /** C, background included. */
  readonly classes: number;
  /** [H, W]. Default [28, 28]. */
  readonly maskSize?: readonly [number, number] | undefined;
  /** P, where not every RoI has a mask: the masks then have `maskLabels` of their own. */
  readonly maskRois?: number | undefined;
  /** The terms to make buffers for. Default: all three. */
  readonly terms?: readonly TermName[] | undefined;
  /** The class term takes probabilities (`classProbs`) instead of logits. Default `false`. */
  readonly probabilities?: boolean | undefined;
  /** C (all classes), C − 1 (the foreground) or 1 (class-agnostic). Default C. */
  readonly boxChannels?: number | undefined;
  /** As `boxChannels`. */
  readonly maskChannels?: number | undefined;
  /** Of logits, deltas and gradients. Default `'float32'`. */
  readonly dtype?: FloatType | undefined;
  /** Default `'float32'`. */
  readonly maskTargetType?: FloatType | 'uint8' | undefined;
  /** G: the batch has objects in place of targets, `gtBoxes` and the masks that the next two options say, if one does. */
  readonly objects?: number | undefined;
  /** [Hi, Wi]: the masks of objects are bitmaps, `gtMasks`. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** V and S: the masks of objects are polygons, `gtPolygons`. */
  readonly polygons?: { readonly points: number; readonly rings: number } | undefined;
}

/** Tensors that hold the inputs of a batch. A term none of whose inputs is given is left out. */
export type BatchTensors = BatchOptions & {
  readonly [K in Exclude<keyof LossInputs, 'gtPolygons'>]?: Tensor | undefined;
} & {
  readonly gtPolygons?: { readonly [K in keyof Polygons]: Tensor } | undefined;
  /** C; needed where neither `classLogits` nor `classProbs` tell it. */
  readonly classes?: number | undefined;
};

const batchOptionKeys = ['layout', 'maskGrad', 'rewrite'];
export const sizeKeys = new Set<string>([
  ...batchOptionKeys,
  ...['rois', 'classes', 'maskSize', 'maskRois', 'terms', 'probabilities'],
  ...['boxChannels', 'maskChannels', 'dtype', 'maskTargetType', 'objects', 'imageSize', 'polygons'],
]);
export const tensorKeys = new Set<string>([...batchOptionKeys, ...givenNames, 'classes']);
/** The tensors of a batch, by input, and its options. */
export type FlatTensors = Omit<BatchTensors, 'gtPolygons'> & ByInput<Tensor>;
/** Whether a batch is to lie over tensors: its options name an input, or hold a tensor under another name. */
export function areTensors(options: object): options is BatchTensors {
  if ('rois' in options) return false;
  for (const key in options)
    if (givenNames.includes(key) || Tensor.is(options[key as keyof typeof options])) return true;
  return false;
}

const floatTypes = ['float32', 'float16', 'bfloat16'] as const;

/** The sizes of objects, if there are to be some. */
function objectsOfSizes({ objects: count, imageSize, polygons }: BatchSizes): ObjectSizes | undefined {
  if (imageSize !== undefined && polygons !== undefined)
    throw typeError('ERR_ROI_LOSS_OPTION', 'imageSize and polygons are both given; expected one of them');
  if (count === undefined) {
    if (imageSize === undefined && polygons === undefined) return undefined;
    throw rangeError('ERR_ROI_LOSS_SHAPE', 'objects is undefined; expected G, the number of objects');
  }
  checkSize('objects', count);
  if (polygons !== undefined) {
    checkObject('polygons', polygons, 'an object, { points, rings }');
    checkSize('polygons.points', polygons.points);
    checkSize('polygons.rings', polygons.rings);
  }
  const { points = 0, rings = 0 } = polygons ?? {};
  return { count, imageSize: imageSize ? checkImageSize(imageSize) : [0, 0], points, rings };
}

/** Checks the sizes and completes them. */
export function shapeOfSizes(o: BatchSizes): StepShape {
  checkSize('rois', o.rois);
  checkClasses(o.classes);
  if (o.maskRois !== undefined) checkSize('maskRois', o.maskRois);
  if (o.terms !== undefined && (!Array.isArray(o.terms) || o.terms.some((term) => !termNames.includes(term))))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `terms is ${show(o.terms)}; expected some of 'class', 'box', 'mask'`,
    );
  const terms = o.terms ?? termNames;
  const probabilities = flag('', 'probabilities', o.probabilities ?? false);
  const dtype = checkChoice('dtype', o.dtype, floatTypes);
  const maskTargetType = checkChoice('maskTargetType', o.maskTargetType, [...floatTypes, 'uint8']);
  const typeOf = (name: InputName): DType => {
    if (name === 'maskTargets') return maskTargetType;
    return gradNames.includes(name as GradName) ? dtype : inputOf(name).dtypes[0];
  };
  const [height, width] = checkMaskSize(o.maskSize);
  const objects = objectsOfSizes(o);
  return {
    rois: o.rois,
    classes: o.classes,
    class: terms.includes('class') ? { input: probabilities ? 'classProbs' : 'classLogits' } : undefined,
    box: terms.includes('box')
      ? {
          channels: checkChannels('boxChannels', o.boxChannels ?? o.classes, o.classes),
          source: objects ? 'objects' : 'tensor',
        }
      : undefined,
    mask: terms.includes('mask')
      ? {
          rois: o.maskRois ?? o.rois,
          ownLabels: o.maskRois !== undefined,
          channels: checkChannels('maskChannels', o.maskChannels ?? o.classes, o.classes),
          height,
          width,
          layout: checkChoice('layout', o.layout, layouts),
          maskGrad: checkChoice('maskGrad', o.maskGrad, maskGrads),
          source: o.imageSize ? 'bitmaps' : o.polygons ? 'polygons' : 'tensor',
        }
      : undefined,
    objects,
    types: Object.fromEntries(inputNames.map((name) => [name, typeOf(name)])),
  };
}

/** A tensor that must be there, with as many axes as the input has, of one of its types. */
function tensorOf(o: FlatTensors, name: InputName): Tensor {
  const { axes, dtypes } = inputOf(name);
  const tensor: unknown = o[name];
  if (!Tensor.is(tensor))
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is ${show(tensor)}; expected a Tensor`);
  tensor.memory(name);
  if (tensor.shape.length !== axes.length)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has the shape [${tensor.shape.join(', ')}]; expected ${axes.length} dimensions, not ${tensor.shape.length}`,
    );
  if (!dtypes.includes(tensor.dtype))
    throw typeError('ERR_ROI_LOSS_DTYPE', `${name} is ${tensor.dtype}; expected ${dtypes.join(' or ')}`);
  return tensor;
}

const size = (tensor: Tensor, axis: number) => tensor.shape[axis] as number;

/** The sizes that the tensors have, as far as they tell; whether all agree is still to be checked. */
export function shapeOfTensors(o: FlatTensors): StepShape {
  checkOneScores(o);
  const classInput = o.classProbs ? 'classProbs' : 'classLogits';
  const scores = o[classInput] && tensorOf(o, classInput);
  const classes = o.classes ?? (scores && size(scores, 1));
  checkClasses(classes);
  const deltas = hasTerm(o, 'box') && tensorOf(o, 'boxDeltas');
  const masks = hasTerm(o, 'mask') && tensorOf(o, 'maskLogits');
  const labels = (scores || deltas || !o.maskLabels || o.labels) && tensorOf(o, 'labels');
  if (masks && labels && !o.maskLabels && size(masks, 0) !== size(labels, 0))
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `maskLogits has ${size(masks, 0)} masks and labels ${size(labels, 0)} RoIs; expected as many, or ` +
        'maskLabels, [P], the labels of the RoIs that have a mask',
    );
  const layout = checkChoice('layout', o.layout, layouts);
  const [channelAxis, heightAxis, widthAxis] = layout === 'nhwc' ? [3, 1, 2] : [1, 2, 3];
  const sources = sourcesOf((name) => o[name] !== undefined);
  const shape: StepShape = {
    rois: labels ? size(labels, 0) : 0,
    classes,
    class: scores && { input: classInput },
    box: deltas
      ? { channels: checkChannels('boxDeltas.shape[1]', size(deltas, 1), classes), source: sources.box }
      : undefined,
    mask: masks
      ? {
          rois: size(masks, 0),
          ownLabels: o.maskLabels !== undefined,
          channels: checkChannels(`maskLogits.shape[${channelAxis}]`, size(masks, channelAxis), classes),
          height: size(masks, heightAxis),
          width: size(masks, widthAxis),
          layout,
          maskGrad: checkChoice('maskGrad', o.maskGrad, maskGrads),
          source: sources.mask,
        }
      : undefined,
    types: {},
  };
  const read = inputNames.filter((name) => isRead(name, shape));
  const axis = (name: InputName) => (isRead(name, shape) ? size(tensorOf(o, name), 0) : undefined);
  const [, imageHeight = 0, imageWidth = 0] = isRead('gtMasks', shape) ? tensorOf(o, 'gtMasks').shape : [];
  const objects =
    shape.box?.source === 'objects' || (shape.mask && shape.mask.source !== 'tensor')
      ? objectSizes(axis, [imageHeight, imageWidth])
      : undefined;
  return {
    ...shape,
    objects,
    types: Object.fromEntries(read.map((name) => [name, tensorOf(o, name).dtype])),
  };
}
