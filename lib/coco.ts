import { checkKeys, checkObject, checkSize, elements } from './check';
import { type ErrorCode, rangeError, show, typeError } from './errors';
import { drawRings } from './reference/polygons';
import { decodeRuns, readCounts } from './rle';
import type { Polygons } from './types';

/** Run lengths of a mask, column by column: plain, or COCO's compressed string. */
export interface CocoRuns {
  /** [height, width] of the image. */
  readonly size: readonly number[];
  readonly counts: string | readonly number[];
}

/** An object of COCO's `annotations`; properties that are not listed are not read. */
export interface CocoAnnotation {
  /** Named in messages. */
  readonly id?: number | string;
  readonly category_id: number;
  /** [x, y, width, height] in pixels. */
  readonly bbox: readonly number[];
  /** Polygons, each a list x, y, x, y, … in pixels, or run lengths. */
  readonly segmentation: readonly (readonly number[])[] | CocoRuns;
  /** An annotation with 1 is left out. */
  readonly iscrowd?: number | boolean;
}

export interface CocoOptions {
  /** [height, width] of the image. */
  readonly size: readonly [number, number];
  /** The label of each `category_id`; the id itself unless given. */
  readonly labels?: ReadonlyMap<number, number> | undefined;
  /** `true`: `gtMasks` even if all objects are polygons. */
  readonly bitmaps?: boolean | undefined;
}

/** The objects of an image, as the losses take them. G objects, in the order of the annotations. */
export interface CocoObjects {
  /** [G, 4], (x1, y1, x2, y2) in pixels. */
  readonly gtBoxes: Float32Array;
  /** [G] */
  readonly gtLabels: Int32Array;
  /** If all objects are polygons. */
  readonly gtPolygons?: Polygons;
  /** [G, height, width], otherwise: 1 is the object. */
  readonly gtMasks?: Uint8Array;
}

const knownOptions = new Set(['size', 'labels', 'bitmaps']);

/** What is wrong with an annotation, named by its index and id. */
class Annotation {
  constructor(
    readonly index: number,
    readonly given: CocoAnnotation,
  ) {}

  error(what: string, value: unknown, expected: string, code: ErrorCode = 'ERR_ROI_LOSS_VALUE') {
    const id = this.given.id === undefined ? '' : ` (id ${this.given.id})`;
    return rangeError(
      code,
      `annotations[${this.index}]${id}: ${what} is ${show(value)}; expected ${expected}`,
    );
  }

  box(): number[] {
    const { bbox } = this.given;
    if (!isNumbers(bbox) || bbox.length !== 4)
      throw this.error('bbox', bbox, 'four finite numbers, [x, y, width, height]');
    const [x, y, width, height] = bbox as [number, number, number, number];
    if (!(width > 0 && height > 0)) throw this.error('bbox', bbox, 'a width and a height above 0');
    return [x, y, x + width, y + height];
  }

  label(labels: ReadonlyMap<number, number> | undefined): number {
    const { category_id: id } = this.given;
    const label = labels ? labels.get(id) : id;
    if (!Number.isSafeInteger(label) || (label as number) < 0 || (label as number) > 2 ** 31 - 1)
      throw this.error(
        'category_id',
        id,
        labels ? 'a category that `labels` gives a whole number from 0 on' : 'a whole number from 0 on',
      );
    return label as number;
  }

  /** The polygons, or undefined if the object has run lengths. */
  rings(): readonly (readonly number[])[] | undefined {
    const { segmentation } = this.given;
    if (!Array.isArray(segmentation)) return undefined;
    if (segmentation.length === 0) throw this.error('segmentation', segmentation, 'at least one polygon');
    for (const [i, ring] of segmentation.entries()) {
      const name = `segmentation[${i}]`;
      if (!isNumbers(ring)) throw this.error(name, ring, 'finite numbers x, y, x, y, …');
      if (ring.length % 2 !== 0)
        throw this.error(`${name}.length`, ring.length, 'an even count, x and y of each point');
      if (ring.length < 6) throw this.error(`${name}.length`, ring.length, 'at least 6, three points');
    }
    return segmentation;
  }

  /** Fills the object's mask [height, width] from its run lengths. */
  drawRuns([height, width]: readonly [number, number], bits: Uint8Array): void {
    const segmentation = this.given.segmentation as CocoRuns | undefined;
    if (typeof segmentation !== 'object' || segmentation === null)
      throw this.error('segmentation', segmentation, 'polygons, or { size, counts }');
    const { size, counts } = segmentation;
    if (!isNumbers(size) || size.length !== 2 || size[0] !== height || size[1] !== width)
      throw this.error('segmentation.size', size, `the image's size, [${height}, ${width}]`);
    const runs = readCounts(counts);
    if (!runs)
      throw this.error('segmentation.counts', counts, "whole numbers from 0 on, or COCO's string of them");
    const total = runs.reduce((sum, run) => sum + run, 0);
    if (total !== height * width)
      throw this.error('the sum of segmentation.counts', total, `${height}·${width} = ${height * width}`);
    decodeRuns(runs, height, width, bits);
  }
}

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((x) => typeof x === 'number' && Number.isFinite(x));

function pack(objects: readonly (readonly (readonly number[])[])[]): Polygons {
  const rings = objects.flat();
  const offsets = (lengths: readonly number[]) => {
    let end = 0;
    return Int32Array.from([0, ...lengths.map((length) => (end += length))]);
  };
  return {
    points: Float32Array.from(rings.flat()),
    rings: offsets(rings.map((ring) => ring.length / 2)),
    objects: offsets(objects.map((object) => object.length)),
  };
}

/**
 * The objects of one image from COCO's annotations: boxes, labels, and `gtPolygons`, or `gtMasks` if one of them has run lengths.
 * Annotations with `iscrowd` are left out. Polygons are drawn as pycocotools draws them.
 *
 * @param annotations those of the image, as COCO's JSON has them
 * @param options `size` is the image's [height, width]
 * @throws `ERR_ROI_LOSS_VALUE`, naming the annotation by index and id: polygons of fewer than three points or an odd count of
 * numbers, run lengths that do not fill the image, boxes without area, categories without a label
 */
export function fromCoco(annotations: readonly CocoAnnotation[], options: CocoOptions): CocoObjects {
  if (!Array.isArray(annotations))
    throw typeError(
      'ERR_ROI_LOSS_TYPE',
      `annotations is ${show(annotations)}; expected an array of COCO's annotations`,
    );
  checkObject('options', options, 'an object, { size: [height, width] }');
  checkKeys('option', options, knownOptions);
  const { size, labels, bitmaps = false } = options;
  if (!Array.isArray(size) || size.length !== 2)
    throw typeError('ERR_ROI_LOSS_TYPE', `size is ${show(size)}; expected [height, width] of the image`);
  const [height, width] = size as readonly [number, number];
  checkSize('size[0]', height, 1);
  checkSize('size[1]', width, 1);
  if (labels !== undefined && !(labels instanceof Map))
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      `labels is ${show(labels)}; expected a Map from category_id to label`,
    );
  if (typeof bitmaps !== 'boolean')
    throw typeError('ERR_ROI_LOSS_OPTION', `bitmaps is ${show(bitmaps)}; expected true or false`);

  const all = annotations.map((given, index) => {
    checkObject(`annotations[${index}]`, given, 'an annotation');
    return new Annotation(index, given as CocoAnnotation);
  });
  const objects = all.filter(({ given }) => !given.iscrowd);
  const gtBoxes = Float32Array.from(objects.flatMap((object) => object.box()));
  const gtLabels = Int32Array.from(objects, (object) => object.label(labels));
  const rings = objects.map((object) => object.rings());
  if (!bitmaps && rings.every((each) => each !== undefined))
    return { gtBoxes, gtLabels, gtPolygons: pack(rings) };
  const gtMasks = new Uint8Array(elements('gtMasks', [objects.length, height, width]));
  for (const [g, object] of objects.entries()) {
    const bits = gtMasks.subarray(g * height * width, (g + 1) * height * width);
    const polygons = rings[g];
    if (polygons) bits.set(drawRings(polygons, [0, 0, width, height], [height, width]));
    else object.drawRuns([height, width], bits);
  }
  return { gtBoxes, gtLabels, gtMasks };
}
