import type { Tensor } from '@tensorflow/tfjs-core';
import { checkKeys, checkObject, readKeys } from '../check';
import { deviceOf } from '../devices';
import { show, typeError } from '../errors';
import { termOnHost, wholeOnHost } from '../host';
import { flattenInputs, givenNames, inputNames, inputs, termOf } from '../inputs';
import { knownOptions } from '../options';
import { present } from '../present';
import { gradNames } from '../shape';
import type { TermName } from '../terms';
import type { TermOptions } from '../types';
import { type ArrayOptions, readTensors, type Tensors } from './inputs';
import { isRecording, lossesOf, type TensorFlow } from './op';
import type { FusedInputs, FusedLosses, FusedOptions, RoiLosses, RoiLossesOptions } from './types';

export type { TensorFlow } from './op';
export type {
  BoxOptions,
  ClassOptions,
  FusedInputs,
  FusedLosses,
  FusedOptions,
  MaskOptions,
  RoiLosses,
  RoiLossesOptions,
} from './types';

const without = (keys: ReadonlySet<string>, ...others: string[]) =>
  [...keys].filter((key) => !others.includes(key));
/** TensorFlow.js has the upstream gradient itself, and an operation of it leaves tensors, not counters. */
const elsewhere = ['backward', 'metrics'];
const { batch } = knownOptions;
const known = {
  class: new Set(without(batch.class, ...elsewhere)),
  box: new Set([...without(batch.box, ...elsewhere), 'classes']),
  mask: new Set([...without(batch.mask, ...elsewhere), 'classes', 'layout']),
  whole: new Set([...without(batch.whole, ...elsewhere), 'classes', 'layout']),
  input: new Set<string>(givenNames),
};
/** The options of each term among those of `fusedLoss`: whether there are gradients is one question for all terms here. */
const knownWithin = {
  class: new Set(without(batch.class, ...elsewhere, 'grad')),
  box: new Set(without(batch.box, ...elsewhere, 'grad')),
  mask: new Set(without(batch.mask, ...elsewhere, 'grad')),
};

/** The inputs of the functions of one term, in their order. */
const positional = {
  class: ['classLogits', 'labels'],
  box: ['boxDeltas', 'boxTargets', 'labels'],
  mask: ['maskLogits', 'maskTargets', 'labels'],
} as const;

/** What those functions take in an object. */
const inputsOf = (term: TermName) => {
  const own = inputNames.filter((name) => inputs[name].term === term && givenNames.includes(name));
  const ofObjects = {
    class: [],
    box: ['proposals', 'matches'],
    mask: ['proposals', 'matches', 'gtPolygons'],
  };
  return new Set<string>([...positional[term], ...own, ...ofObjects[term]]);
};
const ofTerm = { class: inputsOf('class'), box: inputsOf('box'), mask: inputsOf('mask') };

interface Arguments {
  readonly tensors: Tensors;
  readonly given?: (TermOptions & ArrayOptions) | undefined;
}

/** Tensors and options as they come, one after another or the tensors in an object. */
function argumentsOf(term: TermName, args: readonly unknown[]): Arguments {
  const [first, second] = args;
  const isObject = typeof first === 'object' && first !== null && !ArrayBuffer.isView(first);
  if (!isObject || 'dataSync' in first) {
    const names = positional[term];
    const tensors = Object.fromEntries(names.map((name, i) => [name, args[i]]));
    return { tensors, given: args[names.length] as object };
  }
  checkObject('inputs', first);
  checkKeys('input', first, ofTerm[term]);
  return { tensors: flattenInputs(present(first)), given: second as object };
}

/**
 * The losses for TensorFlow.js. They work where `tensor.dataSync()` does; with the backends that hold tensors in the
 * memory of the CPU (`cpu`, `wasm`, tfjs-node) that costs little.
 *
 * @param tf the module of TensorFlow.js: `@tensorflow/tfjs`, or tfjs-core, or tfjs-node
 * @throws `ERR_ROI_LOSS_TYPE` if it is not, `ERR_ROI_LOSS_DEVICE` for a device that is not usable here
 */
export function roiLosses(tf: TensorFlow, options: RoiLossesOptions = {}): RoiLosses {
  if (typeof tf?.customGrad !== 'function')
    throw typeError('ERR_ROI_LOSS_TYPE', `tf is ${show(tf)}; expected the module of TensorFlow.js`);
  checkObject('options', options);
  checkKeys('option', options, new Set(['device']));
  const device = deviceOf(options.device);

  /** As asked for; but none where nothing is recorded that could ask for it later. */
  const gradOf = ({ grad = true }: TermOptions) => (grad === true ? isRecording(tf) : grad);

  function single(term: TermName, args: readonly unknown[]): Tensor {
    const { tensors, given = {} } = argumentsOf(term, args);
    const name = gradNames.find((name) => termOf(name) === term && tensors[name]) ?? positional[term][0];
    checkObject('options', given);
    const options = readKeys<TermOptions & ArrayOptions>('option', given, known[term]);
    const { arrays, shape } = readTensors(tf, tensors, options);
    const { loss, perRoi, grad } = termOnHost(term, arrays, shape, {
      ...options,
      grad: gradOf(options),
      device,
    });
    const by = tensors[name] as Tensor;
    return tf.tidy(() => lossesOf(tf, [{ name, by, loss, perRoi, grad }]).losses[0] as Tensor);
  }

  return {
    fusedClassLoss: (...args: unknown[]) => single('class', args),
    fusedBoxLoss: (...args: unknown[]) => single('box', args),
    fusedMaskLoss: (...args: unknown[]) => single('mask', args),
    fusedLoss: <I extends FusedInputs>(given: I, givenOptions: FusedOptions = {}) => {
      checkObject('options', givenOptions);
      const options = readKeys<FusedOptions>('option', givenOptions, known.whole);
      checkObject('inputs', given);
      const tensors: Tensors = flattenInputs(present(readKeys<FusedInputs>('input', given, known.input)));
      const { arrays, shape } = readTensors(tf, tensors, options);
      const { losses, perRoi, grads } = wholeOnHost(
        arrays,
        shape,
        { ...options, grad: gradOf(options), device },
        knownWithin,
      );
      const names = gradNames.filter((name) => tensors[name]);
      const terms = names.map((name) => ({
        name,
        by: tensors[name] as Tensor,
        loss: losses[termOf(name)],
        perRoi: perRoi?.[termOf(name)],
        grad: grads[name],
      }));
      return tf.tidy(() => {
        const { total, losses } = lossesOf(tf, terms);
        const ofTerms = Object.fromEntries(names.map((name, i) => [termOf(name), losses[i] as Tensor]));
        return { total, ...ofTerms } as FusedLosses<I>;
      });
    },
  };
}
