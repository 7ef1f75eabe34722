// What the losses take.

/**
 * How a mask target is cropped from `gtMasks`, by RoIAlign: as detectron2 does (`aligned`, 1 where the mean is ½ or more, else
 * 0), or as torchvision's `project_masks_on_boxes` (not `aligned`, the mean itself).
 */
export type Crop = 'detectron2' | 'torchvision';

/** The masks of G objects as polygons in pixels of the image: an object is the union of its rings. */
export interface Polygons {
  /** [V, 2], x and y of each point. */
  readonly points: Float32Array;
  /** [S + 1]: ring s has the points from `rings[s]` to `rings[s + 1]`. */
  readonly rings: Int32Array;
  /** [G + 1]: object g has the rings from `objects[g]` to `objects[g + 1]`. */
  readonly objects: Int32Array;
}

/** The objects that foreground RoIs are matched with, from which a step makes its targets. G objects, of one image or more. */
export interface ObjectInputs {
  /** [R, 4], the RoIs in pixels of their image: (x1, y1, x2, y2), with x2 ≥ x1 and y2 ≥ y1. Read of foreground RoIs alone. */
  readonly proposals?: Float32Array | undefined;
  /** [R], the object of each foreground RoI, from 0 to G − 1. Not read of other RoIs. */
  readonly matches?: Int32Array | undefined;
}

export interface ClassInputs {
  /** [R, C], scores before softmax. Either these or `classProbs`. */
  readonly classLogits?: Float32Array | undefined;
  /**
   * [R, C], each row a distribution. Either these or `classLogits`. A number below 0, or above 1 by more than 1e-3, in the
   * row of a RoI that counts is an error, `ERR_ROI_LOSS_VALUE`.
   */
  readonly classProbs?: Float32Array | undefined;
  /** [R]: 0 is background, −1 is ignored. */
  readonly labels: Int32Array;
}

export interface BoxInputs extends ObjectInputs {
  /** [R, C, 4], [R, C − 1, 4] (foreground classes only) or [R, 1, 4] (class-agnostic); (x, y, w, h). */
  readonly boxDeltas: Float32Array;
  /** [R, 4]. Rows of RoIs that are not foreground are never read. Either these or `gtBoxes`. */
  readonly boxTargets?: Float32Array | undefined;
  /** [G, 4], the boxes of objects, as `proposals`: the step encodes the targets of RoIs from them. */
  readonly gtBoxes?: Float32Array | undefined;
  /** [R]: 0 is background, −1 is ignored. */
  readonly labels: Int32Array;
}

export interface MaskInputs extends ObjectInputs {
  /** [P, C, H, W], [P, C − 1, H, W] or [P, 1, H, W]; with `layout: 'nhwc'` the channels come last. */
  readonly maskLogits: Float32Array;
  /**
   * [P, H, W]: floats in [0, 1], or a Uint8Array, in which any byte but 0 is foreground. A finite target of a foreground RoI
   * that is off by more than 1e-6 is an error, `ERR_ROI_LOSS_VALUE`; those of other RoIs are not read. Either these,
   * `gtMasks` or `gtPolygons`.
   */
  readonly maskTargets?: Float32Array | Uint8Array | undefined;
  /**
   * [G, Hi, Wi], the masks of objects as bitmaps of the image, whose size is the option `imageSize`: any byte but 0 is the
   * object. The step crops the targets of RoIs from them. Pad bitmaps of images that differ in size.
   */
  readonly gtMasks?: Uint8Array | undefined;
  /** The same as polygons; a step draws them in the box of a RoI, pixel by pixel as pycocotools does for detectron2. */
  readonly gtPolygons?: Polygons | undefined;
  /** [P, 4] and [P], where masks have `maskLabels`: in place of `proposals` and `matches`. */
  readonly maskProposals?: Float32Array | undefined;
  readonly maskMatches?: Int32Array | undefined;
  /** [R]; the labels of the masks too (then P = R) unless `maskLabels` are given. */
  readonly labels?: Int32Array | undefined;
  /** [P], the labels of RoIs that have a mask, where these are not all RoIs. */
  readonly maskLabels?: Int32Array | undefined;
}

/** What `fusedLoss` takes: the inputs of the terms to compute. A term none of whose inputs is given is left out. */
export interface LossInputs extends ObjectInputs {
  readonly classLogits?: Float32Array | undefined;
  readonly classProbs?: Float32Array | undefined;
  readonly boxDeltas?: Float32Array | undefined;
  readonly boxTargets?: Float32Array | undefined;
  readonly maskLogits?: Float32Array | undefined;
  readonly maskTargets?: Float32Array | Uint8Array | undefined;
  readonly labels?: Int32Array | undefined;
  readonly maskLabels?: Int32Array | undefined;
  readonly gtBoxes?: Float32Array | undefined;
  readonly gtMasks?: Uint8Array | undefined;
  readonly gtPolygons?: Polygons | undefined;
  readonly maskProposals?: Float32Array | undefined;
  readonly maskMatches?: Int32Array | undefined;
}

/** The targets that a step made from objects; rows of RoIs that are not foreground are zeros. */
export interface Targets {
  /** [R, 4] */
  readonly boxTargets?: Float32Array;
  /** [P, H, W] */
  readonly maskTargets?: Float32Array;
}
