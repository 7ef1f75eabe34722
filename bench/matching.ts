import { matchBoxes } from 'roi-loss';
import { anchorsOf } from '../common/anchors';
import { random } from '../lib/reference/random';
import { bytesOf, type Case } from './cases';
import { lane, type Threads } from './contenders';
import type { Torch } from './peers/torch';
import type { Result } from './targets';
import { type Effort, race } from './timing';

const image = { height: 800, width: 1280 };

/** Anchors, and objects that are anywhere in the image, from 16 to 316 pixels wide and high. */
function inputsOf(boxes: number, objects: number) {
  const draw = random(1);
  const gtBoxes = Array.from({ length: objects }, () => {
    const [x, y] = [draw() * image.width, draw() * image.height];
    return [x, y, x + 16 + 300 * draw(), y + 16 + 300 * draw()];
  });
  return {
    boxes: anchorsOf(image.height, image.width).slice(0, 4 * boxes),
    gtBoxes: Float32Array.from(gtBoxes.flat()),
  };
}

/** Times matching on arrays, and torchvision's `Matcher`, after a check that both find the same. */
export async function measureMatching(
  spec: Case,
  pools: readonly Threads[],
  torch: Torch | undefined,
  effort: Effort,
): Promise<Result> {
  const { objects, foreground = 0.5, background = 0.5, lowQuality = false } = spec.match!;
  const thresholds = { foreground, background, lowQuality };
  const inputs = inputsOf(spec.sizes.rois, objects);
  const expected = matchBoxes(inputs, thresholds).matches;
  const contenders = pools.map(
    ({ threads, device }) =>
      [lane('arrays', threads), () => matchBoxes(inputs, { ...thresholds, device })] as const,
  );
  const timings = race(Object.fromEntries(contenders), effort);
  const threads = pools.map((pool) => pool.threads);
  const inTorch = await torch?.measureMatching(inputs, thresholds, { threads, effort, expected });
  return {
    spec,
    bytes: bytesOf(spec),
    timings: { ...timings, ...inTorch?.timings },
    absent: inTorch?.absent ?? {},
  };
}
