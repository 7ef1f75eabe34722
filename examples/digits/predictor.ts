import { roiAlign } from './boxes';
import { foregroundClasses } from './digits';
import { apply, type Linear, ridge } from './ridge';
import { boxTarget, maskTarget, type Roi } from './rois';

/**
 * The simplest RoI head that knows something: linear maps from a coarse look at the RoI to class logits, and for each
 * of the K foreground classes to box deltas and mask logits. Fitted by least squares, so in one go.
 */
export interface Head {
  readonly class: Linear;
  readonly box: readonly Linear[];
  readonly mask: readonly Linear[];
}

const coarse = 14;
const penalty = 10;

/** The logits that least squares aims at: those of a head that is fairly sure. */
const sure = { class: 8, mask: 4 };

/** The RoI's pixels at 14×14, and a 1 for the bias. */
function look({ scene, box }: Roi): Float64Array {
  return Float64Array.of(...roiAlign(scene.pixels, scene.size, box, coarse), 1);
}

export function fitHead(rois: readonly Roi[]): Head {
  const looks = rois.map(look);
  const classTargets = rois.map(({ label }) => {
    const row = new Float64Array(1 + foregroundClasses);
    row[label] = sure.class;
    return row;
  });
  const box: Linear[] = [];
  const mask: Linear[] = [];
  for (let label = 1; label <= foregroundClasses; label++) {
    const shown = rois.filter((roi) => roi.label === label);
    const features = looks.filter((_, i) => rois[i]!.label === label);
    const maskLogits = shown.map((roi) => Float64Array.from(maskTarget(roi), (y) => sure.mask * (2 * y - 1)));
    box.push(ridge(features, shown.map(boxTarget), penalty));
    mask.push(ridge(features, maskLogits, penalty));
  }
  return { class: ridge(looks, classTargets, penalty), box, mask };
}

/** [R, C] class logits, [R, K, 4] box deltas, and for the foreground RoIs [P, K, 28, 28] mask logits. */
export function predict(head: Head, rois: readonly Roi[]) {
  const looks = rois.map(look);
  const shown = looks.filter((_, i) => rois[i]!.label > 0);
  return {
    classLogits: concat(looks.map((row) => apply(head.class, row))),
    boxDeltas: concat(looks.flatMap((row) => head.box.map((linear) => apply(linear, row)))),
    maskLogits: concat(shown.flatMap((row) => head.mask.map((linear) => apply(linear, row)))),
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
