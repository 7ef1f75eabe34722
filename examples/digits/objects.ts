import { type CocoObjects, fromCoco, fusedLoss } from 'roi-loss';
import { imageSize } from './digits';
import type { Roi } from './rois';
import { annotationsOf, type Instance, type Scene } from './scenes';

/** What the losses take of RoIs and of the objects that these are matched with. */
export interface Objects {
  readonly labels: Int32Array;
  readonly proposals: Float32Array;
  readonly matches: Int32Array;
  readonly gtBoxes: Float32Array;
  readonly gtMasks: Uint8Array;
  /** The same of the foreground alone, which has masks. */
  readonly maskLabels: Int32Array;
  readonly maskProposals: Float32Array;
  readonly maskMatches: Int32Array;
}

function concat<A extends Float32Array | Uint8Array>(
  Type: new (length: number) => A,
  parts: readonly A[],
): A {
  const all = new Type(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}

/** The objects of all scenes from their annotations, as one list, and which of them each RoI is matched with. */
export function objectsOf(rois: readonly Roi[]): Objects {
  const scenes = [...new Set(rois.map(({ scene }) => scene))];
  const annotated = scenes.map((scene): Required<Pick<CocoObjects, 'gtBoxes' | 'gtMasks'>> => {
    const { gtBoxes, gtMasks = new Uint8Array(0) } = fromCoco(annotationsOf(scene), {
      size: [scene.size, scene.size],
      bitmaps: true,
    });
    return { gtBoxes, gtMasks };
  });
  const instances = new Map<Instance, number>();
  for (const instance of scenes.flatMap((scene: Scene) => scene.instances))
    instances.set(instance, instances.size);
  const matchOf = ({ instance }: Roi) => (instance ? instances.get(instance)! : -1);
  const shown = rois.filter(({ label }) => label > 0);
  return {
    labels: Int32Array.from(rois, ({ label }) => label),
    proposals: Float32Array.from(rois.flatMap(({ box }) => box)),
    matches: Int32Array.from(rois, matchOf),
    gtBoxes: concat(
      Float32Array,
      annotated.map(({ gtBoxes }) => gtBoxes),
    ),
    gtMasks: concat(
      Uint8Array,
      annotated.map(({ gtMasks }) => gtMasks),
    ),
    maskLabels: Int32Array.from(shown, ({ label }) => label),
    maskProposals: Float32Array.from(shown.flatMap(({ box }) => box)),
    maskMatches: Int32Array.from(shown, matchOf),
  };
}

/** The targets that a step makes of them: [R, 4] deltas, and of the foreground [P, 28, 28] bits. */
export function targetsOf(objects: Objects, sceneSize: number) {
  const { labels, maskLabels } = objects;
  const { targets } = fusedLoss(
    {
      ...objects,
      boxDeltas: new Float32Array(labels.length * 4),
      maskLogits: new Float32Array(maskLabels.length * imageSize ** 2),
    },
    {
      classes: 1 + Math.max(1, ...labels),
      maskSize: [imageSize, imageSize],
      imageSize: [sceneSize, sceneSize],
      grad: false,
      targets: true,
    },
  );
  return { boxTargets: targets!.boxTargets!, maskTargets: targets!.maskTargets! };
}
