import type { Box } from '../../digits/boxes';
import { seeded } from '../../digits/random';
import type { Scene } from '../../digits/scenes';
import { nearBox } from './proposals';
import type { Masked } from './scenes';

/** A RoI of the test scenes that is shown in the sheet of predictions. */
export interface Sample {
  readonly scene: Scene<Masked>;
  readonly instance: Masked;
  readonly box: Box;
}

const sampleCount = 10;
const sampleSeed = 2_000_001;

/** One object a scene, as a proposal that is somewhat off frames it. */
export function samplesOf(scenes: readonly Scene<Masked>[]): Sample[] {
  const random = seeded(sampleSeed);
  return scenes.slice(0, sampleCount).map((scene, i) => {
    const instance = scene.instances[i % scene.instances.length]!;
    return { scene, instance, box: nearBox(instance, random) };
  });
}
