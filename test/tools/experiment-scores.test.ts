import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode } from '../../examples/digits/boxes';
import { area, bitAt, extent, type Mask, maskIou } from '../../examples/noisy-masks/data/masks';
import type { Masked } from '../../examples/noisy-masks/data/scenes';
import { averagePrecision, precisionCurve } from '../../examples/noisy-masks/evaluation/average-precision';
import { boundaryScore } from '../../examples/noisy-masks/evaluation/boundary';
import { match } from '../../examples/noisy-masks/evaluation/match';
import { score, thresholds } from '../../examples/noisy-masks/evaluation/scores';
import { type Detection, paste, suppress } from '../../examples/noisy-masks/head/detect';

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

test('a recall reaches its point exactly or not at all, as in COCO', () => {
  const curve = precisionCurve([true, true, true, false, false, false, true], 10);
  close(curve[30]!, 1);
  close(curve[31]!, 4 / 7);
  close(curve[40]!, 4 / 7);
  assert.is(curve[41], 0);
  // In floating point 35 · 0.01 is more than 7 / 20, and 36 · 0.01 is 9 / 25.
  assert.is(precisionCurve(Array(7).fill(true), 20)[35], 0);
  assert.is(precisionCurve(Array(9).fill(true), 25)[36], 1);
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
  // Of objects that are overlapped alike, the last is taken: the first is left for the second detection.
  assert.equal(
    match(
      [
        [0.5, 0.5],
        [1, 0],
      ],
      0.5,
    ),
    [1, 0],
  );
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

test('a detection of two objects leaves the first to the next', () => {
  const [both, first, second] = [rectangle(0, 0, 4, 1), rectangle(0, 0, 2, 1), rectangle(2, 0, 2, 1)];
  const { ap } = score(
    [
      {
        objects: [object(1, first), object(1, second)],
        detections: [detection(1, 0.9, both), detection(1, 0.8, first)],
      },
    ],
    1,
  );
  assert.is(ap[0], 1);
});

test('of a class the hundred likeliest detections of an image count', () => {
  const here = rectangle(0, 0, 5, 5);
  const elsewhere = rectangle(50, 50, 5, 5);
  const after = (misses: number) =>
    score(
      [
        {
          objects: [object(1, here)],
          detections: [
            detection(1, 0.6, here),
            ...Array.from({ length: misses }, () => detection(1, 0.7, elsewhere)),
            // Another class and another image have a hundred of their own.
            detection(2, 0.9, elsewhere),
          ],
        },
        { objects: [], detections: [detection(1, 0.5, elsewhere)] },
      ],
      1,
    );
  close(after(99).ap[0]!, 1 / 100);
  assert.is(after(100).ap[0], 0);
  assert.is(after(100).recall[0], 0);
});

test('no objects at all have no average precision: −1, as in COCO', () => {
  for (const detections of [[], [detection(1, 0.9, rectangle(0, 0, 5, 5))]]) {
    const { ap, curves, precision, recall, f1, maskIou, found } = score([{ objects: [], detections }], 1);
    assert.equal(ap, Array(10).fill(-1));
    assert.equal(curves, [Array(101).fill(-1), Array(101).fill(-1)]);
    assert.equal([precision[0], recall[0], f1[0], maskIou, found], [0, 0, 0, 0, 0]);
  }
  assert.is(score([], 1).ap[0], -1);
});

type Rectangle = [x: number, y: number, width: number, height: number];

/** What pycocotools says of random sets (test/coco/make.py). */
interface CocoSet {
  readonly images: readonly {
    readonly objects: readonly (readonly [label: number, ...Rectangle])[];
    readonly detections: readonly (readonly [score: number, label: number, ...Rectangle])[];
  }[];
  readonly ap: readonly number[];
  readonly curves: readonly (readonly number[])[];
}

test('average precision and curves are those of pycocotools', () => {
  const file = process.env.COCO_SETS ?? join(__dirname, '..', 'coco', 'sets.json');
  const sets: CocoSet[] = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(sets.length >= 8);
  for (const { images, ap, curves } of sets) {
    const scores = score(
      images.map(({ objects, detections }) => ({
        objects: objects.map(([label, ...at]) => object(label, rectangle(...at))),
        detections: detections.map(([score, label, ...at]) => detection(label, score, rectangle(...at))),
      })),
      1,
    );
    ap.forEach((expected, i) => {
      close(scores.ap[i]!, expected);
    });
    curves.flat().forEach((expected, i) => {
      close(scores.curves.flat()[i]!, expected);
    });
  }
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

/** Mask probabilities [28, 28]. */
const probabilities = (of: (x: number, y: number) => number) =>
  Float32Array.from({ length: 28 * 28 }, (_, i) => of(i % 28, Math.floor(i / 28)));

test('a pasted mask fills what its probabilities say of the box', () => {
  const mask = paste(
    probabilities((x) => (x < 14 ? 0.9 : 0.1)),
    [10, 20, 38, 34],
  );
  assert.is(area(mask), 14 * 14);
  assert.equal(extent(mask), [10, 20, 24, 34]);
});

test('between bins a mask has their mean probability, not that of their mean logit, and ½ belongs to it', () => {
  // Two bins a pixel: each pixel lies amid four, of which one is sure.
  const filled = (sure: number, others: number) =>
    area(
      paste(
        probabilities((x, y) => (x % 2 || y % 2 ? others : sure)),
        [0, 0, 14, 14],
      ),
    );
  assert.is(filled(0.99, 0.35), 14 * 14);
  // The mean logit is above 0, the mean probability below ½.
  assert.is(filled(0.99, 0.3), 0);
  assert.is(filled(0.5, 0.5), 14 * 14);
});

test('outside its box a mask is 0, which counts between the edge and the outermost bins', () => {
  const all = (probability: number) =>
    paste(
      probabilities(() => probability),
      [10.25, 10, 38.25, 38],
    );
  // The centre of the first column is a quarter of a bin from the edge: ¾ of the bin and ¼ of the nothing beyond.
  assert.is(bitAt(all(0.7), 10, 20), 1);
  assert.is(bitAt(all(0.6), 10, 20), 0);
  assert.is(bitAt(all(0.6), 11, 20), 1);
  assert.equal(extent(all(1)), [10, 10, 38, 38]);
});

test('a box grows to at most 62.5 times its proposal', () => {
  const [x0, y0, x1, y1] = decode([0, 0, 2, 4], [0, 0, 1000, -1000]);
  close((x1 - x0) / (2 * 62.5), 1);
  assert.is(y1 - y0, 0);
});

test.run();
