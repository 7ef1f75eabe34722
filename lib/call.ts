import { plainError } from './errors';
import { native } from './native';
import type { TermName } from './terms';

// The options and results of a step are one row of numbers that lib/ and native code share.

const slotByName: ReadonlyMap<string, number> = new Map(native.callSlots.map((name, i) => [name, i]));

/** Where a number lies in the row: `slotOf('mask.weight')`. */
export function slotOf(name: string): number {
  const slot = slotByName.get(name);
  if (slot === undefined)
    throw plainError(
      'ERR_ROI_LOSS_NATIVE',
      `roi-loss: its native addon knows no ${name}; expected that of the same version`,
    );
  return slot;
}

const slotsOf = (term: TermName) => ({
  enabled: slotOf(`${term}.enabled`),
  gradient: slotOf(`${term}.gradient`),
  metrics: slotOf(`${term}.metrics`),
  reduction: slotOf(`${term}.reduction`),
  weight: slotOf(`${term}.weight`),
  normalizer: slotOf(`${term}.normalizer`),
  gradScale: slotOf(`${term}.gradScale`),
});

/** What every term has. */
export const commonSlots = { class: slotsOf('class'), box: slotsOf('box'), mask: slotsOf('mask') };

export const slots = {
  deltaWeights: ['X', 'Y', 'W', 'H'].map((side) => slotOf(`box.delta${side}`)),
  crop: slotOf('mask.crop'),
  loss: { class: slotOf('class.loss'), box: slotOf('box.loss'), mask: slotOf('mask.loss') },
};

const newCall = (): Float64Array => new Float64Array(native.callSlots.length);

/** The numbers of one step at a time, made once: arrays of a step's own would be work for the garbage collector. */
export class CallRow {
  readonly numbers: Float64Array = newCall();
  #isTaken = false;

  /** The numbers for a step; others where a getter among the options of a step runs this one. */
  take(): Float64Array {
    if (this.#isTaken) return newCall();
    this.#isTaken = true;
    return this.numbers;
  }

  /** Takes back what `take` returned, once the step is done with or has failed. */
  giveBack(call: Float64Array): void {
    if (call === this.numbers) this.#isTaken = false;
  }
}
