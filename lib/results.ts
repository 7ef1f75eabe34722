import { commonSlots, slotOf, slots } from './call';
import type { TermName } from './terms';
import type { ClassMetrics, Losses, MaskMetrics, Metrics } from './types';

// The results of a step, read from the row of numbers that native code leaves.

export function lossesOf(call: Float64Array): Losses {
  const classLoss = lossOf(call, 'class');
  const boxLoss = lossOf(call, 'box');
  const maskLoss = lossOf(call, 'mask');
  return { total: classLoss + boxLoss + maskLoss, class: classLoss, box: boxLoss, mask: maskLoss };
}

/** A term that is switched off is 0. */
export function lossOf(call: Float64Array, term: TermName): number {
  return call[commonSlots[term].enabled] ? (call[slots.loss[term]] as number) : 0;
}

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

export function classMetrics(call: Float64Array): ClassMetrics {
  const count = (name: string) => call[slotOf(`class.${name}`)] as number;
  return {
    classAccuracy: ratio(count('right'), count('rois')),
    foregroundAccuracy: ratio(count('foregroundRight'), count('foreground')),
    falseNegatives: ratio(count('foregroundMissed'), count('foreground')),
  };
}

export function maskMetrics(call: Float64Array): MaskMetrics {
  const count = (name: string) => call[slotOf(`mask.${name}`)] as number;
  const wrong = count('falsePositives') + count('falseNegatives');
  return {
    pixelAccuracy: ratio(count('pixels') - wrong, count('pixels')),
    falsePositives: ratio(count('falsePositives'), count('pixels') - count('foreground')),
    falseNegatives: ratio(count('falseNegatives'), count('foreground')),
  };
}

/** The metrics of the terms that were asked for them. */
export function metricsOf(call: Float64Array): Metrics | undefined {
  const asked = (term: TermName) => call[commonSlots[term].enabled] && call[commonSlots[term].metrics];
  if (!asked('class') && !asked('mask')) return undefined;
  return {
    ...(asked('class') ? { class: classMetrics(call) } : {}),
    ...(asked('mask') ? { mask: maskMetrics(call) } : {}),
  };
}
