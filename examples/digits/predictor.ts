import { foregroundClasses, imageSize } from './digits';
import { brightness, edges } from './looks';
import type { targetsOf } from './objects';
import { apply, type Linear, ridge } from './ridge';
import type { Roi } from './rois';

/**
 * The simplest RoI head that knows something: linear maps from what the RoI looks like to class logits, and for each
 * of the K foreground classes to box deltas and mask logits. Fitted by least squares, so in one go.
 */
export interface Head {
  readonly class: Linear;
  readonly box: readonly Linear[];
  readonly mask: readonly Linear[];
}

const penalty = 5;

/** The logits that least squares aims at: those of a head that is fairly sure. */
const sure = { class: 8, mask: 4 };

export function fitHead(
  rois: readonly Roi[],
  { boxTargets, maskTargets }: ReturnType<typeof targetsOf>,
): Head {
  let masks = 0;
  const examples = rois.map((roi, r) => {
    const p = roi.label > 0 ? masks++ : 0;
    return {
      roi,
      edges: edges(roi),
      box: boxTargets.subarray(r * 4, (r + 1) * 4),
      mask: maskTargets.subarray(p * imageSize ** 2, (p + 1) * imageSize ** 2),
    };
  });
  const box: Linear[] = [];
  const mask: Linear[] = [];
  for (let label = 1; label <= foregroundClasses; label++) {
    const shown = examples.filter(({ roi }) => roi.label === label);
    box.push(
      ridge(
        shown.map((example) => example.edges),
        shown.map(({ box }) => Float64Array.from(box)),
        penalty,
      ),
    );
    mask.push(
      ridge(
        shown.map(({ roi }) => brightness(roi)),
        shown.map(({ mask }) => Float64Array.from(mask, (y) => sure.mask * (2 * y - 1))),
        penalty,
      ),
    );
  }
  const classes = ridge(
    examples.map((example) => example.edges),
    rois.map(({ label }) => new Float64Array(1 + foregroundClasses).fill(sure.class, label, label + 1)),
    penalty,
  );
  return { class: classes, box, mask };
}

/** [R, C] class logits, [R, K, 4] box deltas, and for the foreground RoIs [P, K, 28, 28] mask logits. */
export function predict(head: Head, rois: readonly Roi[]) {
  const looks = rois.map(edges);
  const shown = rois.filter((roi) => roi.label > 0).map(brightness);
  return {
    classLogits: concat(looks.map((look) => apply(head.class, look))),
    boxDeltas: concat(looks.flatMap((look) => head.box.map((linear) => apply(linear, look)))),
    maskLogits: concat(shown.flatMap((look) => head.mask.map((linear) => apply(linear, look)))),
  };
}

function concat(rows: readonly Float64Array[]): Float32Array {
  const width = rows[0]!.length;
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    out.set(row, i * width);
  });
  return out;
}
