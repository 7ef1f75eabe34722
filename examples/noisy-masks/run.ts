import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { splitDigits, testScenes, trainingExamples, validationExamples } from './data/dataset';
import { samplesOf } from './data/samples';
import { type Scores, score } from './evaluation/scores';
import { detect, likely, maskProbabilities } from './head/detect';
import { type Point, train } from './head/train';
import type { Run, Settings } from './settings';

/** What one training gave. */
export interface Result {
  readonly run: Run;
  readonly points: readonly Point[];
  readonly scores: Scores;
  /** Mean IoU of the masks trained on with the clean ones. */
  readonly annotations: number;
  /** For each sample the mask predicted, 28×28 bits in base64. */
  readonly samples: readonly string[];
  readonly seconds: number;
}

/** 8 bits to a byte, the first the lowest. */
export function pack(bits: readonly boolean[]): string {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    bytes[i >> 3]! |= Number(bit) << (i & 7);
  });
  return Buffer.from(bytes).toString('base64');
}

export function unpack(text: string, count: number): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3]! >> (i & 7)) & 1);
}

export async function startBackend(): Promise<void> {
  tf.env().set('PROD', true);
  await tf.setBackend('wasm');
}

/** Trains and judges one head. The same run and settings give the same result, but for the times. */
export async function perform(
  run: Run,
  settings: Settings,
  onStep: (step: number, loss: number) => void,
): Promise<Result> {
  const begin = performance.now();
  const digits = splitDigits();
  const { examples, maskIou } = trainingExamples(digits.train, settings, run.seed, run.noise);
  const validation = validationExamples(digits.validation, settings);
  const { head, points } = await train(examples, validation, run, settings, onStep);
  const scenes = testScenes(digits.test, settings.scenes.test);
  const images = scenes.map((scene, i) => ({
    objects: scene.instances,
    detections: detect(head, scene, i),
  }));
  const samples = samplesOf(scenes).map(({ scene, instance, box }) => {
    const [mask] = maskProbabilities(head, scene, [{ label: instance.label, box }]);
    return pack(Array.from(mask!, (probability) => probability >= likely));
  });
  head.dispose();
  return {
    run,
    points,
    scores: score(images, settings.boundaryTolerance),
    annotations: maskIou,
    samples,
    seconds: (performance.now() - begin) / 1000,
  };
}
