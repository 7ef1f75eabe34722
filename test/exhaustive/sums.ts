import { readFileSync } from 'node:fs';
import { fusedMaskLoss, type MaskLossOptions, openDevice } from 'roi-loss';
import { referenceLoss } from '../../lib/reference';
import { gradError, gradTolerance, lossError, lossTolerance } from '../../lib/reference/accuracy';
import { random } from '../../lib/reference/random';

// Sums over 2^30 pixels against float64, where rounding would show: many terms alike, all of them tiny, one that is huge.
// A pattern of 2^20 pixels is repeated, so that the sums over it are known.

const pixels = 2 ** 30;
const period = 2 ** 20;
const defaultEps = 1e-6;
const gigabyte = 2 ** 30;
/** Logits, targets, their copy as floats or a gradient, and something to spare. */
const needed = 11 * gigabyte;

/** Of a pixel: its logit and its target, 0 or 1. */
type Pattern = (i: number, next: () => number) => readonly [z: number, y: number];

const patterns: { readonly [name: string]: Pattern } = {
  'all alike': () => [0.1, 1],
  random: (_, next) => [8 * next() - 4, Number(next() > 0.5)],
  'almost right': (_, next) => (next() > 0.5 ? [15, 1] : [-15, 0]),
  'one pixel in 2^20 is wrong by 1e4': (i) => (i === 12345 ? [1e4, 0] : [-16, 0]),
  'an empty target': (_, next) => [-17 + next(), 0],
};

/** Of 2^30 pixels. */
const layouts: { readonly [name: string]: Case } = {
  '1 RoI of 32768×32768': { rois: 1, maskSize: [32768, 32768], grad: false },
  '1024 RoIs of 1024×1024': { rois: 1024, maskSize: [1024, 1024], grad: true },
  '1048576 RoIs of 32×32': { rois: 2 ** 20, maskSize: [32, 32], grad: false },
};
interface Case {
  readonly rois: number;
  readonly maskSize: readonly [number, number];
  readonly grad: boolean;
}

function availableMemory(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** Fills an array with its beginning. */
function repeat(array: Float32Array | Uint8Array, length: number): void {
  for (let n = length; n < array.length; n *= 2) array.copyWithin(n, 0, Math.min(n, array.length - n));
}

/** The float64 reference of one period, as RoIs of `size` pixels. */
function expectedOf(z: Float32Array, y: Uint8Array, size: number, options: MaskLossOptions) {
  const rois = period / Math.min(size, period);
  return referenceLoss(
    {
      maskLogits: z.subarray(0, period),
      maskTargets: Float32Array.from(y.subarray(0, period)),
      labels: new Int32Array(rois).fill(1),
    },
    { classes: 2, maskSize: [1, Math.min(size, period)], mask: options },
  );
}

/** Prints the errors. Returns what is wrong. */
export async function sumPixels(): Promise<string[]> {
  const available = availableMemory();
  if (available < needed) {
    console.log(
      `skipped: sums — ${(available / gigabyte).toFixed(0)} of ${needed / gigabyte} GiB are available`,
    );
    return [];
  }
  const wrong: string[] = [];
  const maskLogits = new Float32Array(pixels);
  const maskTargets = new Uint8Array(pixels);
  console.log('| pattern | layout | kind | loss | relative error | error of the gradient |');
  console.log('| --- | --- | --- | ---: | ---: | ---: |');
  for (const [patternName, pattern] of Object.entries(patterns)) {
    const next = random(1);
    for (let i = 0; i < period; i++) [maskLogits[i], maskTargets[i]] = pattern(i, next) as [number, number];
    repeat(maskLogits, period);
    repeat(maskTargets, period);
    for (const [layoutName, { rois, maskSize, grad }] of Object.entries(layouts)) {
      const labels = new Int32Array(rois).fill(1);
      // Fresh, so that no room of the step before is kept; one thread, as each has its own.
      using device = openDevice('cpu', { threads: 1 });
      for (const kind of ['bce', 'dice'] as const) {
        const size = maskSize[0] * maskSize[1];
        // As much less as a period is of a RoI.
        const eps = (defaultEps * Math.min(size, period)) / size;
        const expected = expectedOf(maskLogits, maskTargets, size, { kind, eps });
        const { loss, grad: gradient } = fusedMaskLoss(
          { maskLogits, maskTargets, labels },
          { kind, classes: 2, maskSize, grad, device },
        );
        const error = lossError(loss, expected.losses.mask);
        let gradientError = 0;
        if (gradient)
          // The mean is over 1024 RoIs, of which a period is one.
          for (const first of [0, pixels - period])
            gradientError = Math.max(
              gradientError,
              gradError(
                gradient.subarray(first, first + period),
                expected.grads.maskLogits!.map((g) => g / rois),
              ).error,
            );
        console.log(
          `| ${patternName} | ${layoutName} | ${kind} | ${loss.toPrecision(7)} | ${error.toExponential(1)} | ${gradient ? gradientError.toExponential(1) : ''} |`,
        );
        if (!(error <= lossTolerance && gradientError <= gradTolerance))
          wrong.push(`${patternName}, ${layoutName}, ${kind}`);
      }
    }
  }
  return wrong;
}
