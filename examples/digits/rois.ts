import { around, type Box, centred, clip, encode, iou, roiAlign } from './boxes';
import { imageSize } from './digits';
import { between, type Random, shuffle } from './random';
import { type Instance, type Scene, silhouette } from './scenes';

/** A region of interest: a proposal that was sampled for training. */
export interface Roi {
  readonly scene: Scene;
  readonly box: Box;
  /** 0 is background. */
  readonly label: number;
  /** The digit that a foreground RoI shows. */
  readonly instance?: Instance;
}

const proposalsPerInstance = 24;
const proposalsAnywhere = 300;
const foregroundIou = 0.5;

/** A box with its centre shifted by up to a fifth of its size, and its sides scaled by up to a third. */
function jitter(box: Box, random: Random): Box {
  const [x, y, w, h] = centred(box);
  const scale = (): number => Math.exp(between(random, -0.3, 0.3));
  return around(
    x + w * between(random, -0.2, 0.2),
    y + h * between(random, -0.2, 0.2),
    w * scale(),
    h * scale(),
  );
}

/** What a region proposal network would suggest: boxes near the digits (and, as is usual, their own) and anywhere. */
function propose({ size, instances }: Scene, random: Random): Box[] {
  const near = instances.flatMap(({ box }) => [
    box,
    ...Array.from({ length: proposalsPerInstance }, () => jitter(box, random)),
  ]);
  const anywhere = Array.from({ length: proposalsAnywhere }, () =>
    around(size * random(), size * random(), between(random, 16, 128), between(random, 16, 128)),
  );
  return [...near, ...anywhere].map((box) => clip(box, size));
}

/** Foreground is what overlaps a digit with an IoU of at least a half, and takes the label of the best match. */
function match(scene: Scene, box: Box): Roi {
  let best = 0;
  let instance: Instance | undefined;
  for (const candidate of scene.instances) {
    const overlap = iou(box, candidate.box);
    if (overlap > best) [best, instance] = [overlap, candidate];
  }
  return instance && best >= foregroundIou
    ? { scene, box, label: instance.label, instance }
    : { scene, box, label: 0 };
}

/** Samples `count` RoIs of a scene, of which at most the share `foreground` is foreground. */
export function sampleRois(scene: Scene, count: number, foreground: number, random: Random): Roi[] {
  const rois = shuffle(random, propose(scene, random)).map((box) => match(scene, box));
  const shown = rois.filter((roi) => roi.label > 0).slice(0, Math.round(count * foreground));
  const background = rois.filter((roi) => roi.label === 0);
  return [...shown, ...background.slice(0, count - shown.length)];
}

/** The regression target of a foreground RoI. */
export function boxTarget({ box, instance }: Roi): number[] {
  return instance ? encode(box, instance.box) : [0, 0, 0, 0];
}

/** The mask target of a foreground RoI, 28×28: the digit's silhouette as the RoI frames it. */
export function maskTarget({ box, instance }: Roi): Uint8Array {
  if (!instance) return new Uint8Array(imageSize ** 2);
  const [x0, y0, x1] = instance.frame;
  const scale = imageSize / (x1 - x0);
  const inImage: Box = [
    (box[0] - x0) * scale,
    (box[1] - y0) * scale,
    (box[2] - x0) * scale,
    (box[3] - y0) * scale,
  ];
  return Uint8Array.from(roiAlign(instance.image, imageSize, inImage, imageSize), (value) =>
    value >= silhouette ? 1 : 0,
  );
}
