import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cropMask, encodeBox, roiAlign } from '../../lib/reference/crops';
import { bitmapCrops, polygonCrops } from '../support/crops';

// The float64 reference of mask targets against torchvision and pycocotools, over a thousand objects each.

const test = suite('crops');

const bitmaps = bitmapCrops();
const polygons = polygonCrops();

function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  assert.is(got.length, want.length);
  return Array.from(got).reduce((most, x, i) => Math.max(most, Math.abs(x - (want[i] as number))), 0);
}

for (const [name, aligned] of [
  ['aligned', true],
  ['soft', false],
] as const)
  test(`bitmaps: RoIAlign as torchvision's, ${name}`, () => {
    for (const [index, crop] of bitmaps.entries()) {
      const off = worst(roiAlign(crop.bits, crop.size, crop.box, crop.out, aligned), crop[name]);
      assert.ok(off <= 1e-6, `object ${index} is off by ${off}`);
    }
    assert.ok(bitmaps.some((crop) => crop[name].some((x) => x > 0 && x < 1)));
  });

test('bitmaps: a target of detectron2 is 1 from one half on', () => {
  for (const [index, { bits, size, box, out, aligned }] of bitmaps.entries()) {
    const target = cropMask({ bits, size }, box, out);
    const wrong = aligned.findIndex((x, i) => Math.abs(x - 0.5) > 1e-6 && target[i] !== Number(x >= 0.5));
    assert.is(wrong, -1, `object ${index}`);
  }
});

test("polygons: each pixel as pycocotools'", () => {
  for (const [index, { rings, box, out, bits }] of polygons.entries())
    assert.equal(Uint8Array.from(cropMask({ rings }, box, out)), bits, `object ${index}`);
  assert.ok(polygons.some(({ bits }) => bits.includes(0) && bits.includes(1)));
});

test("boxes: deltas as torchvision's", () => {
  let compared = 0;
  for (const [index, { box, object, deltas }] of bitmaps.entries()) {
    if (!deltas.every(Number.isFinite)) continue;
    compared++;
    const scale = Math.max(1, ...deltas.map(Math.abs));
    assert.ok(worst(encodeBox(box, object), deltas) <= 1e-4 * scale, `object ${index}`);
  }
  assert.ok(compared > 800);
});

test.run();
