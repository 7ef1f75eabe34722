import { type Box, clip } from '../../digits/boxes';
import type { Random } from '../../digits/random';
import { anyBox, jitter } from '../../digits/rois';
import type { Scene } from '../../digits/scenes';
import type { Masked } from './scenes';

/** A proposal network that has been trained is off by half as much as the boxes of examples/digits. */
const off = 0.5;

/** A box near an object, as a proposal network would suggest it. */
export const nearBox = ({ box }: Masked, random: Random): Box => jitter(box, random, off);

/** So many boxes near each object, and so many anywhere. */
export function propose(
  { size, instances }: Scene<Masked>,
  near: number,
  anywhere: number,
  random: Random,
): Box[] {
  const boxes = [
    ...instances.flatMap((instance) => Array.from({ length: near }, () => nearBox(instance, random))),
    ...Array.from({ length: anywhere }, () => anyBox(size, random)),
  ];
  return boxes.map((box) => clip(box, size));
}
