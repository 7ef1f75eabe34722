import {
  arrayName,
  checkArray,
  checkChannels,
  checkChoice,
  checkClasses,
  checkImageSize,
  checkMaskSize,
  checkObject,
  checkOneScores,
  lengthOf,
  product,
  readKeys,
} from './check';
import { defaultDType, dtypes } from './dtypes';
import { rangeError, typeError } from './errors';
import type { HostOptions } from './host';
import { type ByInput, flattenInputs, givenNames, type InputName, inputNames, inputOf } from './inputs';
import {
  type ArraySpec,
  hasTerm,
  inputSpecs,
  isRead,
  layouts,
  type MaskShape,
  type MaskSource,
  maskGrads,
  objectSizes,
  type StepShape,
  sourcesOf,
} from './shape';
import type { DType, HostArray, HostMaskOptions, LossInputs } from './types';

// The shape of a step over arrays of the host: it follows from the arrays' lengths, C and [H, W].

const knownInputs = new Set<string>(givenNames);

/** The arrays of a step, by input. */
export type InputArrays = Omit<LossInputs, 'gtPolygons'> & ByInput<HostArray>;

/** The classes of arrays that an input may be: floats are float32 on the host. */
const classesOfInput = new Map<InputName, readonly string[]>(
  inputNames.map((name) => {
    const types = inputOf(name).dtypes.filter((dtype) => defaultDType[dtypes[dtype].hostName] === dtype);
    return [name, types.map((dtype) => dtypes[dtype].hostName)];
  }),
);

/** The inputs, read once, each checked to be a typed array of a class it may have. */
export function readInputs(inputs: unknown, names: string): InputArrays {
  checkObject('inputs', inputs, `an object, { ${names} }, or a Batch`);
  const arrays = flattenInputs<HostArray>(readKeys('input', inputs, knownInputs)) as InputArrays;
  for (const name of inputNames)
    if (arrays[name] !== undefined) checkArray(name, arrays[name], ...(classesOfInput.get(name) ?? []));
  return arrays;
}

/** An array that must be there. */
function arrayOf<K extends InputName>(inputs: InputArrays, name: K): NonNullable<InputArrays[K]> {
  const array = inputs[name];
  if (array === undefined)
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is missing; expected all inputs of a term`);
  return array;
}

/** What tells the shape of a step where the lengths of its arrays do not, because there is no RoI. */
export interface Hints {
  /** [C], where the class term has them. Not checked yet. */
  readonly classWeights?: unknown;
  /** The channels of tensors; those of arrays are C. */
  readonly boxChannels?: number | undefined;
  readonly maskChannels?: number | undefined;
}

/**
 * C where no RoI has scores that tell it: as many as there are weights. Else the masks, if they have labels of their own,
 * have C channels, or C − 1 or 1 where their labels say so. Else nothing depends on C.
 */
function classesWithoutRois(inputs: InputArrays, maskSize: unknown, { classWeights }: Hints): number {
  const { maskLabels, maskLogits } = inputs;
  if (arrayName(classWeights) === 'Float32Array') return Math.max(2, lengthOf(classWeights as Float32Array));
  if (!maskLabels || !maskLogits || lengthOf(maskLabels) === 0) return 2;
  const [height, width] = checkMaskSize(maskSize);
  const channels = Math.floor(lengthOf(maskLogits) / (lengthOf(maskLabels) * height * width));
  return maskLabels.reduce((classes, label) => Math.max(classes, label + 1), Math.max(2, channels));
}

/** How many channels an array of `rois` × channels × `rest` elements has: C, C − 1 or 1. */
function channelsOf(
  name: string,
  array: HostArray,
  rois: number,
  rest: number,
  classes: number,
  told = classes,
  note = '',
): number {
  const length = lengthOf(array);
  if (rois === 0 && length === 0) return checkChannels(name, told, classes);
  const channels = length / (rois * rest);
  if (channels === classes || channels === classes - 1 || channels === 1)
    return checkChannels(name, channels, classes);
  const choices = [...new Set([classes, classes - 1, 1])].filter((n) => n > 0);
  throw rangeError(
    'ERR_ROI_LOSS_SHAPE',
    `${name} has ${length} elements; expected ${choices
      .map((n) => `${rois}·${n}·${rest} = ${rois * n * rest}`)
      .join(' or ')} (${rois} RoIs; ${classes} classes, the foreground of them, or 1; ${rest} each)${note}`,
  );
}

function classesOf(inputs: InputArrays, options: HostOptions & HostMaskOptions, hints: Hints): number {
  const { classes: option } = options;
  const { labels, classLogits, classProbs } = inputs;
  const scores = classLogits ?? classProbs;
  const scoresName = classLogits ? 'classLogits' : 'classProbs';
  const rois = labels ? lengthOf(labels) : 0;
  if (scores && rois > 0 && lengthOf(scores) === rois)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `labels has as many elements as ${scoresName}, ${rois}; expected [R], the class of each RoI, and [R, C], where ` +
        'C counts background and is 2 or more. Are the labels one-hot?',
    );
  if (option !== undefined || !scores || !labels) {
    checkClasses(option);
    return option;
  }
  if (rois === 0 && lengthOf(scores) === 0) return classesWithoutRois(inputs, options.maskSize, hints);
  const classes = lengthOf(scores) / rois;
  if (!Number.isInteger(classes))
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${scoresName} has ${lengthOf(scores)} elements; expected a multiple of ${rois}, the length of labels`,
    );
  return classes;
}

/** What was assumed of masks, for messages about their lengths. */
function maskNote(
  { maskTargets, maskLabels }: InputArrays,
  { maskSize }: HostMaskOptions,
  { rois, height, width }: Pick<MaskShape, 'rois' | 'height' | 'width'>,
): string {
  const masks = maskTargets ? lengthOf(maskTargets) / (height * width) : rois;
  const size = maskSize === undefined ? `; maskSize is [${height}, ${width}] where it is not given` : '';
  return masks !== rois && Number.isInteger(masks) && !maskLabels
    ? `${size}; where not every RoI has a mask, give maskLabels, [P], the labels of those that have`
    : size;
}

function maskShape(
  inputs: InputArrays,
  options: HostMaskOptions,
  classes: number,
  { maskChannels }: Hints,
  source: MaskSource,
): MaskShape {
  const [height, width] = checkMaskSize(options.maskSize);
  const rois = lengthOf(inputs.maskLabels ?? arrayOf(inputs, 'labels'));
  if (source === 'tensor') arrayOf(inputs, 'maskTargets');
  return {
    rois,
    ownLabels: inputs.maskLabels !== undefined,
    channels: channelsOf(
      'maskLogits',
      arrayOf(inputs, 'maskLogits'),
      rois,
      height * width,
      classes,
      maskChannels,
      maskNote(inputs, options, { rois, height, width }),
    ),
    height,
    width,
    layout: checkChoice('layout', options.layout, layouts),
    maskGrad: checkChoice('maskGrad', options.maskGrad, maskGrads),
    source,
  };
}

/** Which terms are asked for. */
export interface Terms {
  readonly class: boolean;
  readonly box: boolean;
  readonly mask: boolean;
}

/** The terms that the inputs are for. */
export function termsOf(inputs: InputArrays): Terms {
  const terms = {
    class: hasTerm(inputs, 'class'),
    box: hasTerm(inputs, 'box'),
    mask: hasTerm(inputs, 'mask'),
  };
  if (!terms.class && !terms.box && !terms.mask)
    throw typeError(
      'ERR_ROI_LOSS_TYPE',
      'inputs has no logits, probabilities or deltas; expected those of a term',
    );
  return terms;
}

/** Throws unless every array is as long as the shape of the step wants it. */
export function checkLengths(inputs: InputArrays, options: HostMaskOptions, shape: StepShape): void {
  const maskNotes = shape.mask ? maskNote(inputs, options, shape.mask) : '';
  for (const [name, spec] of Object.entries(inputSpecs(shape)) as [InputName, ArraySpec][]) {
    const length = lengthOf(arrayOf(inputs, name));
    const expected = product(spec.shape);
    const note = name.startsWith('mask') ? maskNotes : '';
    if (length !== expected)
      throw rangeError(
        'ERR_ROI_LOSS_SHAPE',
        `${name} has ${length} elements; expected ${expected}, the shape ${spec.symbols} = [${spec.shape.join(', ')}]${note}`,
      );
  }
}

/** The element type of each input that is given. */
function typesOf(inputs: InputArrays): StepShape['types'] {
  const types: { [K in InputName]?: DType | undefined } = {};
  for (const name of inputNames) {
    const array = inputs[name];
    if (array !== undefined) types[name] = defaultDType[arrayName(array) as string];
  }
  return types;
}

/** The sizes of the objects that targets are made from. */
function objectsOf(
  inputs: InputArrays,
  options: HostMaskOptions,
  shape: StepShape,
): Pick<StepShape, 'objects'> {
  if (shape.box?.source !== 'objects' && (!shape.mask || shape.mask.source === 'tensor')) return {};
  const imageSize = shape.mask?.source === 'bitmaps' ? checkImageSize(options.imageSize) : ([0, 0] as const);
  const sizes = { 'gtPolygons.points': 2, gtBoxes: 4, gtMasks: imageSize[0] * imageSize[1] };
  const axis = (name: InputName) =>
    isRead(name, shape)
      ? Math.floor(lengthOf(arrayOf(inputs, name)) / (sizes[name as keyof typeof sizes] ?? 1))
      : undefined;
  return { objects: objectSizes(axis, imageSize) };
}

/** The shape of a step, from the labels and the arrays whose lengths tell C and channels. All that it reads must be there. */
export function shapeOfInputs(
  inputs: InputArrays,
  options: HostOptions & HostMaskOptions,
  terms: Terms,
  hints: Hints,
): StepShape {
  const labels = terms.class || terms.box ? arrayOf(inputs, 'labels') : inputs.labels;
  const rois = labels ? lengthOf(labels) : 0;
  const classes = classesOf(inputs, options, hints);
  if (terms.class) checkOneScores(inputs);
  if (terms.class && !inputs.classLogits) arrayOf(inputs, 'classProbs');
  const sources = sourcesOf((name) => inputs[name] !== undefined);
  const sized: StepShape = {
    rois,
    classes,
    class: terms.class ? { input: inputs.classLogits ? 'classLogits' : 'classProbs' } : undefined,
    box: terms.box
      ? {
          channels: channelsOf(
            'boxDeltas',
            arrayOf(inputs, 'boxDeltas'),
            rois,
            4,
            classes,
            hints.boxChannels,
          ),
          source: sources.box,
        }
      : undefined,
    mask: terms.mask ? maskShape(inputs, options, classes, hints, sources.mask) : undefined,
    types: typesOf(inputs),
  };
  for (const name of inputNames) if (isRead(name, sized)) arrayOf(inputs, name);
  return { ...sized, ...objectsOf(inputs, options, sized) };
}
