import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { area, extent, type Mask, maskIou } from '../examples/noisy-masks/data/masks';
import type { Masked } from '../examples/noisy-masks/data/scenes';
import { averagePrecision, precisionCurve } from '../examples/noisy-masks/evaluation/average-precision';
import { boundaryScore } from '../examples/noisy-masks/evaluation/boundary';
import { match } from '../examples/noisy-masks/evaluation/match';
import { score, thresholds } from '../examples/noisy-masks/evaluation/scores';
import { type Detection, paste, suppress } from '../examples/noisy-masks/head/detect';

const test = suite('scores of the experiment');

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, expected ${expected}`);

/** A filled rectangle. */
function rectangle(x0: number, y0: number, width: number, height: number): Mask {
  return { x0, y0, width, height, bits: new Uint8Array(width * height).fill(1) };
}

test('average precision of cases done by hand', () => {
  assert.is(averagePrecision([true, true], 2), 1);
  assert.is(averagePrecision([], 3), 0);
  assert.is(averagePrecision([false, false], 1), 0);
  // Recall ½ at precision 1 covers the points 0 to 0.5; nothing reaches further.
  close(averagePrecision([true], 2), 51 / 101);
  // The second object is found after a miss: precision ⅔ from recall 0.51 on.
  close(averagePrecision([true, false, true], 2), (51 + 50 * (2 / 3)) / 101);
  // A miss before all: the envelope lifts the first points to the ⅔ that comes later.
  close(averagePrecision([false, true, true], 2), 2 / 3);
  // Detections after the last hit cost nothing.
  close(averagePrecision([true, false, false], 1), 1);
});

test('a recall that is a sum of floats reaches its point', () => {
  const curve = precisionCurve([true, true, true, false, false, false, true], 10);
  close(curve[30]!, 1);
  close(curve[31]!, 4 / 7);
  close(curve[40]!, 4 / 7);
  assert.is(curve[41], 0);
  assert.throws(() => precisionCurve([], 0), /objects is 0/);
});

test('detections take objects in the order of their scores', () => {
  // The first takes the object that both want, though the second overlaps it more.
  assert.equal(match([[0.6], [0.9]], 0.5), [0, -1]);
  // The best object is taken; the next best is enough.
  assert.equal(
    match(
      [
        [0.9, 0.2],
        [0.8, 0.6],
      ],
      0.5,
    ),
    [0, 1],
  );
  // Exactly at the threshold counts.
  assert.equal(match([[0.5], [0.7]], 0.5), [0, -1]);
  assert.equal(match([[], []], 0.5), [-1, -1]);
});

test('IoU of masks in different windows', () => {
  const a = rectangle(0, 0, 4, 4);
  close(maskIou(a, rectangle(2, 0, 4, 4)), 8 / 24);
  assert.is(maskIou(a, a), 1);
  assert.is(maskIou(a, rectangle(4, 0, 4, 4)), 0);
  assert.is(maskIou({ ...a, bits: new Uint8Array(16) }, { ...a, bits: new Uint8Array(16) }), 0);
  assert.equal(extent({ ...a, x0: 10, bits: a.bits.map((_, i) => Number(i === 6)) }), [12, 1, 13, 2]);
  assert.is(extent({ ...a, bits: new Uint8Array(16) }), undefined);
});

test('boundaries within the tolerance', () => {
  const a = rectangle(0, 0, 10, 10);
  assert.is(boundaryScore(a, a, 0), 1);
  assert.is(boundaryScore(rectangle(1, 0, 10, 10), a, 1), 1);
  assert.is(boundaryScore(rectangle(30, 30, 10, 10), a, 2), 0);
  // Shifted by one: of 36 boundary pixels each side, the rows share 9 each at the top and the bottom, the columns none.
  close(boundaryScore(rectangle(1, 0, 10, 10), a, 0), 18 / 36);
  const empty = { ...a, bits: new Uint8Array(100) };
  assert.is(boundaryScore(empty, empty, 1), 1);
  assert.is(boundaryScore(a, empty, 1), 0);
});

const object = (label: number, mask: Mask): Masked => ({ label, mask, box: extent(mask)!, scale: 10 });
const detection = (label: number, score: number, mask: Mask): Detection => ({
  label,
  score,
  mask,
  box: extent(mask)!,
});

test('scores of two images', () => {
  const here = rectangle(0, 0, 10, 10);
  const wide = rectangle(0, 0, 10, 8);
  const elsewhere = rectangle(50, 50, 10, 10);
  const { ap, precision, recall, f1, maskIou, found } = score(
    [
      // IoU 0.8 with the right class; a confident claim of nothing; an unlikely one.
      {
        objects: [object(1, here)],
        detections: [detection(1, 0.9, wide), detection(1, 0.8, elsewhere), detection(2, 0.1, elsewhere)],
      },
      // One found exactly, one of another class missed.
      { objects: [object(1, here), object(2, elsewhere)], detections: [detection(1, 0.7, here)] },
    ],
    1,
  );
  // Class 1: hit, miss, hit of two objects; class 2: a miss, as its claim is in the other image.
  close(ap[0]!, (51 + 50 * (2 / 3)) / 101 / 2);
  // From 0.85 on the first is a miss: one hit as the third of three claims.
  close(ap[thresholds.indexOf(0.85)]!, (51 * (1 / 3)) / 101 / 2);
  close(precision[0]!, 2 / 3);
  close(recall[0]!, 2 / 3);
  close(f1[0]!, 2 / 3);
  close(precision[7]!, 1 / 3);
  close(maskIou, 0.9);
  close(found, 2 / 3);
});

test('nothing detected scores 0', () => {
  const { ap, precision, f1, maskIou, curves } = score(
    [{ objects: [object(3, rectangle(0, 0, 5, 5))], detections: [] }],
    1,
  );
  assert.equal([ap[0], precision[0], f1[0], maskIou, curves[0]![0]], [0, 0, 0, 0, 0]);
});

test('suppression keeps the likeliest of a class', () => {
  const at = (label: number, score: number, x: number) => ({
    label,
    score,
    box: [x, 0, x + 10, 10] as const,
  });
  const kept = suppress([at(1, 0.5, 0), at(1, 0.9, 1), at(2, 0.4, 0), at(1, 0.3, 20)]);
  assert.equal(
    kept.map(({ score }) => score),
    [0.9, 0.4, 0.3],
  );
});

test('a pasted mask fills what its logits say of the box', () => {
  const logits = Float32Array.from({ length: 28 * 28 }, (_, i) => (i % 28 < 14 ? 1 : -1));
  const mask = paste(logits, [10, 20, 38, 34]);
  assert.is(area(mask), 14 * 14);
  assert.equal(extent(mask), [10, 20, 24, 34]);
});

test.run();
