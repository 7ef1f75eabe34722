/** The shapes of the inputs of all terms: R RoIs, C classes with channels of their own, and masks of as many as there are RoIs. */
export const inputShapes = (sizes: {
  readonly rois: number;
  readonly classes: number;
  readonly maskSize: readonly [number, number];
}) => {
  const { rois, classes, maskSize } = sizes;
  return {
    classLogits: [rois, classes],
    boxDeltas: [rois, classes, 4],
    boxTargets: [rois, 4],
    maskLogits: [rois, classes, ...maskSize],
    maskTargets: [rois, ...maskSize],
    labels: [rois],
  };
};
