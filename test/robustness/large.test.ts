import { spawnSync } from 'node:child_process';
import { fusedLoss, type LossInputs } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ReferenceOptions, referenceLoss } from '../../lib/reference';
import { floats, random } from '../../lib/reference/random';
import { assertClose, assertLoss } from '../support/close';

// Arrays of more than 2^31 elements, and too little memory, on the CPU. Few RoIs of the large arrays count, so that the
// system maps little of them. Sums over as many: `npm run test:exhaustive`.

const test = suite('large arrays');

const border = 2 ** 31;
const next = random(1);

interface Case {
  readonly rois: number;
  readonly options: ReferenceOptions;
  /** Elements of a RoI, by input. */
  readonly elements: { readonly [name: string]: number };
  /** The label of a RoI that does not count. */
  readonly otherwise: number;
}

const cases: { readonly [name: string]: Case } = {
  masks: {
    rois: 215_000,
    options: { classes: 2, maskSize: [100, 100], mask: { kind: { bce: 1, dice: 1 } } },
    elements: { maskLogits: 10_000, maskTargets: 10_000 },
    otherwise: 0,
  },
  'masks with channels last': {
    rois: 2 ** 19 + 9,
    options: { classes: 1024, maskSize: [2, 2], layout: 'nhwc' },
    elements: { maskLogits: 4096, maskTargets: 4 },
    otherwise: 0,
  },
  'class logits': {
    rois: 2 ** 21 + 9,
    // A gradient would have zeros written for RoIs that are ignored.
    options: { classes: 1024, grad: false },
    elements: { classLogits: 1024 },
    otherwise: -1,
  },
  boxes: {
    rois: 2 ** 19 + 9,
    options: { classes: 1024, box: { normalizer: 5 } },
    elements: { boxDeltas: 4096, boxTargets: 4 },
    otherwise: 0,
  },
};

/** An array of `count` rows with something in some of them. */
function sparse(name: string, rows: readonly number[], count: number, length: number) {
  const array = name === 'maskTargets' ? new Uint8Array(count * length) : new Float32Array(count * length);
  for (const row of rows)
    array.set(
      name === 'maskTargets' ? floats(next, length).map((x) => Number(x > 0)) : floats(next, length),
      row * length,
    );
  return array;
}

const rowsOf = (array: Float32Array | Uint8Array, rows: readonly number[], length: number) =>
  Float32Array.from(rows.flatMap((row) => [...array.subarray(row * length, (row + 1) * length)]));

function run({ rois, options, elements, otherwise }: Case): void {
  const longest = Math.max(...Object.values(elements));
  const across = Math.floor(border / longest);
  assert.ok(rois * longest > border + longest);
  const rows = [0, across - 1, across, across + 1, rois - 1];
  const labels = new Int32Array(rois).fill(otherwise);
  rows.forEach((row, i) => {
    labels[row] = 1 + (i % (options.classes - 1));
  });
  const each = <T>(make: (name: string, length: number) => T) =>
    Object.fromEntries(Object.entries(elements).map(([name, length]) => [name, make(name, length)]));
  const arrays = each((name, length) => sparse(name, rows, rois, length));
  const few = each((name, length) => rowsOf(arrays[name]!, rows, length));
  const { losses, grads } = fusedLoss({ ...arrays, labels } as LossInputs, options);
  const expected = referenceLoss({ ...few, labels: Int32Array.from(rows, (row) => labels[row]!) }, options);
  assertLoss(losses.total, expected.losses.total);
  for (const [name, grad] of Object.entries(grads))
    assertClose(rowsOf(grad, rows, elements[name]!), expected.grads[name as keyof typeof grads], name);
}

/** Why an array of that many floats cannot be had; undefined if it can. */
function lackOfRoom(): string | undefined {
  try {
    new Float32Array(border + 2 ** 24);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const lack = lackOfRoom();
for (const [name, details] of Object.entries(cases)) {
  const title = `${name} beyond 2^31 elements`;
  if (lack === undefined) {
    test(title, () => run(details));
  } else {
    console.log(`skipped: ${title} — ${lack}`);
    test.skip(title);
  }
}

/** A step with masks of bytes, for which every thread needs room, twice; then a small one. */
const program = `
const { openDevice, fusedMaskLoss } = require('roi-loss');
const device = openDevice('cpu', { threads: 128 });
const step = (side) => fusedMaskLoss({
  maskLogits: new Float32Array(side * side),
  maskTargets: new Uint8Array(side * side),
  labels: Int32Array.of(1),
}, { classes: 2, maskSize: [side, side], grad: false, device }).loss;
for (const side of [4096, 4096, 2]) try { console.log(step(side).toFixed(3)); } catch (error) { console.log(error.code); }
`;
const withLittleMemory = (script: string) =>
  spawnSync('sh', ['-c', 'ulimit -v 6000000 && exec "$0" -e "$1"', process.execPath, script], {
    cwd: __dirname,
    encoding: 'utf8',
  });

/** A sanitizer has no room for its shadow then, and now and then says so. */
const isLimitable = process.platform === 'linux' && process.env.ROI_LOSS_TEST_PRELOAD === undefined;

if (isLimitable && withLittleMemory('new Float32Array(2 ** 24)').status === 0) {
  test('a step that ran out of memory does so again, and leaves the device usable', () => {
    const { stdout, stderr, status } = withLittleMemory(program);
    assert.is(status, 0, stderr);
    assert.equal(stdout.trim().split('\n'), ['ERR_ROI_LOSS_MEMORY', 'ERR_ROI_LOSS_MEMORY', '0.693']);
  });
} else {
  console.log('skipped: running out of memory — node does not run here with less address space');
  test.skip('a step that ran out of memory does so again, and leaves the device usable');
}

test.run();
