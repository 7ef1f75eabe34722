import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

// Fixtures of crops: numbers of torchvision's and pycocotools', see the scripts beside them.

type Size = readonly [number, number];

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const floatsOf = (text: string) => new Float32Array(bytesOf(text).buffer);

/** Eight pixels a byte, the first in its lowest bit. */
export function unpackBits(text: string, count: number): Uint8Array {
  const bytes = bytesOf(text);
  return Uint8Array.from({ length: count }, (_, i) => ((bytes[i >> 3] as number) >> (i & 7)) & 1);
}

export interface BitmapCrop {
  readonly bits: Uint8Array;
  readonly size: Size;
  readonly box: Float32Array;
  readonly out: Size;
  /** RoIAlign with and without `aligned`, [H, W]. */
  readonly aligned: Float32Array;
  readonly soft: Float32Array;
  /** The object's own box, and the deltas from `box` to it. */
  readonly object: Float32Array;
  readonly deltas: Float32Array;
}

export interface PolygonCrop {
  readonly rings: readonly Float32Array[];
  readonly box: Float32Array;
  readonly out: Size;
  readonly bits: Uint8Array;
}

type Text<T> = { readonly [K in keyof T]: T[K] extends Size ? Size : string };

const parse = (folder: string, file: string) =>
  JSON.parse(gunzipSync(readFileSync(join(__dirname, '..', folder, file))).toString());

export function bitmapCrops(): BitmapCrop[] {
  return parse('fixtures', 'crops.json.gz').map(
    ({ bits, size, box, out, aligned, soft, object, deltas }: Text<BitmapCrop>) => ({
      bits: unpackBits(bits, size[0] * size[1]),
      size,
      box: floatsOf(box),
      out,
      aligned: floatsOf(aligned),
      soft: floatsOf(soft),
      object: floatsOf(object),
      deltas: floatsOf(deltas),
    }),
  );
}

export function polygonCrops(): PolygonCrop[] {
  return parse('coco', 'polygons.json.gz').map(
    ({ rings, box, out, bits }: Omit<Text<PolygonCrop>, 'rings'> & { rings: string[] }) => ({
      rings: rings.map(floatsOf),
      box: floatsOf(box),
      out,
      bits: unpackBits(bits, out[0] * out[1]),
    }),
  );
}
