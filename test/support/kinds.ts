import type { MaskLossOptions } from 'roi-loss';
import { kindOptions } from '../../lib/kinds';

/** The options without those that the kinds do not take. */
export function maskOptionsOf(options: MaskLossOptions): MaskLossOptions {
  const { kind = 'bce' } = options;
  const kinds = (typeof kind === 'string' ? [kind] : Object.keys(kind)) as (keyof typeof kindOptions.mask)[];
  const takes = (option: string) => kinds.some((name) => kindOptions.mask[name].includes(option as never));
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !['smoothing', 'eps'].includes(name) || takes(name)),
  );
}
