import { around, type Box, centred, clip, encode, iou } from './boxes';
import { between, type Random, shuffle } from './random';
import type { Instance, Labelled, Scene } from './scenes';

/** A region of interest: a proposal that was sampled for training. */
export interface Roi<I extends Labelled = Instance> {
  readonly scene: Scene<I>;
  readonly box: Box;
  /** 0 is background. */
  readonly label: number;
  /** What a foreground RoI shows. */
  readonly instance?: I;
}

const proposalsPerInstance = 24;
const proposalsAnywhere = 300;
const foregroundIou = 0.5;

/** A box with its centre shifted by up to a fifth of its size, and its sides scaled by up to a third, or a part of that. */
export function jitter(box: Box, random: Random, part = 1): Box {
  const [x, y, w, h] = centred(box);
  const [shift, stretch] = [0.2 * part, 0.3 * part];
  const scale = (): number => Math.exp(between(random, -stretch, stretch));
  return around(
    x + w * between(random, -shift, shift),
    y + h * between(random, -shift, shift),
    w * scale(),
    h * scale(),
  );
}

/** A box of any size and place. */
export function anyBox(size: number, random: Random): Box {
  return around(size * random(), size * random(), between(random, 16, 128), between(random, 16, 128));
}

/** What a region proposal network would suggest: boxes near the digits (and, as is usual, their own) and anywhere. */
export function propose({ size, instances }: Scene<Labelled>, random: Random): Box[] {
  const near = instances.flatMap(({ box }) => [
    box,
    ...Array.from({ length: proposalsPerInstance }, () => jitter(box, random)),
  ]);
  const anywhere = Array.from({ length: proposalsAnywhere }, () => anyBox(size, random));
  return [...near, ...anywhere].map((box) => clip(box, size));
}

/** Foreground is what overlaps a digit with an IoU of at least a half, and takes the label of the best match. */
function match<I extends Labelled>(scene: Scene<I>, box: Box): Roi<I> {
  let best = 0;
  let instance: I | undefined;
  for (const candidate of scene.instances) {
    const overlap = iou(box, candidate.box);
    if (overlap > best) [best, instance] = [overlap, candidate];
  }
  return instance && best >= foregroundIou
    ? { scene, box, label: instance.label, instance }
    : { scene, box, label: 0 };
}

/** Samples `count` RoIs of a scene from its proposals, of which at most the share `foreground` is foreground. */
export function sampleRois<I extends Labelled>(
  scene: Scene<I>,
  proposals: Box[],
  count: number,
  foreground: number,
  random: Random,
): Roi<I>[] {
  const rois = shuffle(random, proposals).map((box) => match(scene, box));
  const shown = rois.filter((roi) => roi.label > 0).slice(0, Math.round(count * foreground));
  const background = rois.filter((roi) => roi.label === 0);
  return [...shown, ...background.slice(0, count - shown.length)];
}

/** The regression target of a foreground RoI. */
export function boxTarget({ box, instance }: Roi<Labelled>): number[] {
  return instance ? encode(box, instance.box) : [0, 0, 0, 0];
}
