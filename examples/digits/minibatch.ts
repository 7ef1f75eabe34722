import { foregroundClasses, loadDigits } from './digits';
import { objectsOf, targetsOf } from './objects';
import { fitHead, predict } from './predictor';
import { seeded } from './random';
import { propose, sampleRois } from './rois';
import { composeScene, sceneSize } from './scenes';

/** C: the K = 10 digits and, at index 0, background. */
export const classes = 1 + foregroundClasses;

const seed = 1;
const training = { scenes: 64, roisPerScene: 64, foreground: 0.6 };
const testing = { scenes: 8, roisPerScene: 64, foreground: 0.25 };

export type Minibatch = ReturnType<typeof makeMinibatch>;

/** Everything that the losses of one step need, from digits that the head has not seen. */
export function makeMinibatch(onPhase: (text: string) => void) {
  onPhase('Reading 10,000 handwritten digits');
  const digits = loadDigits();
  const random = seeded(seed);
  const sample = (images: typeof digits.train, { scenes, roisPerScene, foreground }: typeof training) =>
    Array.from({ length: scenes }, () => composeScene(images, random)).flatMap((scene) =>
      sampleRois(scene, propose(scene, random), roisPerScene, foreground, random),
    );
  onPhase('Composing scenes');
  const seen = sample(digits.train, training);
  const rois = sample(digits.test, testing);
  onPhase('Fitting the RoI head');
  const head = fitHead(seen, targetsOf(objectsOf(seen), sceneSize));
  onPhase('Predicting');
  const shown = rois.filter(({ label }) => label > 0);
  const logits = predict(head, rois);
  const objects = objectsOf(rois);
  const { labels, maskLabels } = objects;
  return {
    scenes: testing.scenes,
    rois,
    /** The RoIs that have a mask: the foreground. */
    shown,
    /** From annotations: a step makes the targets itself. */
    objects: { ...logits, ...objects },
    /** The same with the targets, for what takes no objects. */
    inputs: { ...logits, labels, maskLabels, ...targetsOf(objects, sceneSize) },
  };
}
