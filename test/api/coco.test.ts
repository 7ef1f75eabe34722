import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CocoAnnotation, type CocoOptions, fromCoco } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { unpackBits } from '../support/crops';
import { check } from '../support/throws';

// COCO's annotations as inputs: the masks are pycocotools'.

interface Image {
  readonly size: readonly [number, number];
  readonly annotations: readonly CocoAnnotation[];
  readonly bits: readonly string[];
}

const images: Image[] = JSON.parse(readFileSync(join(__dirname, '..', 'coco', 'annotations.json'), 'utf8'));
const isPolygon = ({ segmentation }: CocoAnnotation) => Array.isArray(segmentation);

const test = suite('fromCoco');

test("bitmaps of polygons, compressed and plain run lengths are pycocotools'; crowds are left out", () => {
  let kinds = 0;
  for (const { size, annotations, bits } of images) {
    const pixels = size[0] * size[1];
    const { gtMasks, gtPolygons, gtBoxes, gtLabels } = fromCoco(annotations, { size });
    const kept = annotations.map((_, i) => i).filter((i) => !annotations[i]?.iscrowd);
    assert.ok(kept.length < annotations.length);
    assert.is(gtPolygons, undefined);
    assert.is(gtMasks?.length, kept.length * pixels);
    for (const [g, i] of kept.entries())
      assert.equal(
        gtMasks?.slice(g * pixels, (g + 1) * pixels),
        unpackBits(bits[i] as string, pixels),
        `${i}`,
      );
    assert.equal(
      gtLabels,
      Int32Array.from(kept, (i) => annotations[i]?.category_id as number),
    );
    assert.is(gtBoxes.length, kept.length * 4);
    kinds |= annotations.reduce((all, each) => all | (isPolygon(each) ? 1 : 2), 0);
  }
  assert.is(kinds, 3);
});

test('polygons alone stay polygons, packed', () => {
  const ring = [1, 2, 3, 4, 5, 6.5];
  const { gtBoxes, gtLabels, gtPolygons, gtMasks } = fromCoco(
    [
      { category_id: 7, bbox: [1, 2, 4, 5], segmentation: [ring, [...ring, 0, 1]] },
      { category_id: 5, bbox: [0, 0, 1, 1], segmentation: [[0, 0, 1, 0, 1, 1]], iscrowd: 1 },
      { category_id: 9, bbox: [0.5, 0, 2, 1], segmentation: [ring] },
    ],
    {
      size: [10, 10],
      labels: new Map([
        [7, 1],
        [9, 2],
      ]),
    },
  );
  assert.equal(gtBoxes, Float32Array.of(1, 2, 5, 7, 0.5, 0, 2.5, 1));
  assert.equal(gtLabels, Int32Array.of(1, 2));
  assert.is(gtMasks, undefined);
  assert.equal(gtPolygons?.points, Float32Array.from([...ring, ...ring, 0, 1, ...ring]));
  assert.equal(gtPolygons?.rings, Int32Array.of(0, 3, 7, 10));
  assert.equal(gtPolygons?.objects, Int32Array.of(0, 2, 3));
});

test('bitmaps: true draws polygons too', () => {
  for (const { size, annotations, bits } of images) {
    const index = annotations.findIndex((each) => isPolygon(each) && !each.iscrowd);
    const { gtMasks } = fromCoco([annotations[index] as CocoAnnotation], { size, bitmaps: true });
    assert.equal(gtMasks, unpackBits(bits[index] as string, size[0] * size[1]));
  }
});

test('an image without objects has none', () => {
  const { gtBoxes, gtLabels, gtPolygons } = fromCoco([], { size: [4, 4] });
  assert.is(gtBoxes.length + gtLabels.length, 0);
  assert.equal(gtPolygons?.rings, Int32Array.of(0));
  assert.equal(gtPolygons?.objects, Int32Array.of(0));
});

test.run();

const box = [0, 0, 2, 2];
const triangle = [0, 0, 2, 0, 2, 2];
const one =
  (change: object, options: object = {}) =>
  () =>
    fromCoco(
      [
        { id: 41, category_id: 1, bbox: box, segmentation: [triangle] },
        { id: 42, category_id: 1, bbox: box, segmentation: [triangle], ...change },
      ],
      { size: [4, 3], ...options },
    );
const runs = (counts: unknown, size = [4, 3]) => one({ segmentation: { size, counts } });
const named = 'annotations[1] (id 42): ';

check('bad annotations', [
  [
    'an odd count',
    'VALUE',
    RangeError,
    [`${named}segmentation[0].length is 7`],
    one({ segmentation: [[...triangle, 1]] }),
  ],
  [
    'two points',
    'VALUE',
    RangeError,
    [`${named}segmentation[1].length is 4`],
    one({ segmentation: [triangle, [0, 0, 1, 1]] }),
  ],
  ['no polygon', 'VALUE', RangeError, [`${named}segmentation is []`], one({ segmentation: [] })],
  [
    'a NaN',
    'VALUE',
    RangeError,
    [`${named}segmentation[0]`],
    one({ segmentation: [[0, 0, 1, 1, 2, Number.NaN]] }),
  ],
  [
    'no segmentation',
    'VALUE',
    RangeError,
    [`${named}segmentation is undefined`],
    one({ segmentation: undefined }),
  ],
  ['runs that do not fill the image', 'VALUE', RangeError, [named, 'is 11; expected 4·3 = 12'], runs([3, 8])],
  ['runs of another size', 'VALUE', RangeError, [`${named}segmentation.size is [3, 4]`], runs([12], [3, 4])],
  ['a negative run', 'VALUE', RangeError, [`${named}segmentation.counts`], runs([13, -1])],
  ['a character that is none', 'VALUE', RangeError, [`${named}segmentation.counts is ' '`], runs(' ')],
  ['a string that ends early', 'VALUE', RangeError, [`${named}segmentation.counts is 'T'`], runs('T')],
  ['a string without end', 'VALUE', RangeError, [`${named}segmentation.counts`], runs('o'.repeat(99))],
  ['a box without area', 'VALUE', RangeError, [`${named}bbox is [0, 0, 2, 0]`], one({ bbox: [0, 0, 2, 0] })],
  ['no box', 'VALUE', RangeError, [`${named}bbox is undefined`], one({ bbox: undefined })],
  [
    'a category without a label',
    'VALUE',
    RangeError,
    [`${named}category_id is 8`],
    one({ category_id: 8 }, { labels: new Map([[1, 1]]) }),
  ],
  [
    'a category that is no number',
    'VALUE',
    RangeError,
    [`${named}category_id is 'cat'`],
    one({ category_id: 'cat' }),
  ],
  [
    'no annotation',
    'TYPE',
    TypeError,
    ['annotations[0] is null'],
    () => fromCoco([null as never], { size: [4, 3] }),
  ],
  [
    'no array',
    'TYPE',
    TypeError,
    ['annotations is undefined'],
    () => fromCoco(undefined as never, { size: [4, 3] }),
  ],
  ['no size', 'TYPE', TypeError, ['size is undefined'], () => fromCoco([], {} as CocoOptions)],
  ['an image without pixels', 'SHAPE', RangeError, ['size[1] is 0'], () => fromCoco([], { size: [4, 0] })],
  ['an unknown option', 'OPTION', TypeError, ["'sizes'"], one({}, { sizes: 1 })],
  ['labels in an object', 'OPTION', TypeError, ['labels is'], one({}, { labels: { 1: 1 } })],
  ['bitmaps that is no flag', 'OPTION', TypeError, ['bitmaps is 1'], one({}, { bitmaps: 1 })],
]);
