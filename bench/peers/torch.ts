import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LossInputs, MatchOptions } from 'roi-loss';
import { bytesOf, type Case, hasGrad, maskSizeOf } from '../cases';
import { gradNames } from '../inputs';
import { disagreement, type Outcome } from '../outcome';
import type { Timing } from '../statistics';
import type { Effort } from '../timing';

const howToInstall = 'apt-get install python3-torch python3-torchvision';

function shapesOf(spec: Case, inputs: LossInputs): { [name: string]: readonly number[] } {
  const { rois, classes, maskRois = rois, objects = 0, imageSize = [0, 0] } = spec.sizes;
  const maskSize = maskSizeOf(spec);
  const maskChannels = (inputs.maskLogits?.length ?? 0) / (maskRois * maskSize[0] * maskSize[1]);
  const shapes: { readonly [name: string]: readonly number[] } = {
    classLogits: [rois, classes],
    boxDeltas: [rois, classes, 4],
    boxTargets: [rois, 4],
    maskLogits: [maskRois, maskChannels, ...maskSize],
    maskTargets: [maskRois, ...maskSize],
    labels: [rois],
    maskLabels: [maskRois],
    proposals: [rois, 4],
    matches: [rois],
    gtMasks: [objects, ...imageSize],
  };
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, shapes[name]!]));
}

/** What pytorch.py says of itself. */
interface About {
  readonly description: string;
  /** By name: how to install it. */
  readonly absent: { readonly [peer: string]: string };
  readonly cuda: boolean;
}

export interface TorchOptions {
  readonly device: 'cpu' | 'cuda';
  /** Of the CPU: a lane for each. */
  readonly threads: readonly number[];
  /** Of the GPU. */
  readonly ways?: readonly ('eager' | 'graph' | 'compile')[];
  /** Of the GPU, in bytes: the inputs rotate through three times as much. */
  readonly cache: number;
  readonly effort: Effort;
  /** What all lanes must compute, within `tolerance`. */
  readonly expected: Outcome;
  readonly tolerance: number;
}

export interface TorchTimings {
  readonly timings: { readonly [lane: string]: Timing };
  /** By lane, why it was not timed. */
  readonly absent: { readonly [lane: string]: string };
}

type Started = { readonly torch: Torch; readonly about: About } | undefined;

/** By peer, for the reports: PyTorch's version and what it lacks, or how to install it. */
export const aboutTorch = (started: Started): { readonly [peer: string]: string } =>
  started
    ? {
        torch: started.about.description,
        ...Object.fromEntries(
          Object.entries(started.about.absent).map(([name, how]) => [name, `absent: ${how}`]),
        ),
      }
    : { torch: `absent: ${howToInstall}` };

function startProcess(python: string) {
  const child = spawn(python, [join(__dirname, 'pytorch.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C is for this process; Python ends with its standard input.
    detached: true,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const lines = createInterface({ input: child.stdout });
  // One that does not start, or has ended, gives no answer.
  child.on('error', () => lines.close());
  child.stdin.on('error', () => {});
  return { stdin: child.stdin, answers: lines[Symbol.asyncIterator]() };
}

/** Python with PyTorch and torchvision, in a process of its own that lives as long as the benchmark. */
export class Torch implements Disposable {
  readonly #python: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));
  #process;

  private constructor(python: string) {
    this.#python = python;
    this.#process = startProcess(python);
  }

  /** With its versions: the first Python that has torch and torchvision; undefined where there is none. */
  static async start(): Promise<Started> {
    for (const python of [process.env.ROI_LOSS_PYTHON, 'python3', '/usr/bin/python3']) {
      if (!python) continue;
      const torch = new Torch(python);
      // It says so, and ends, where it lacks them.
      const about = await torch.#answer<About>().catch(() => undefined);
      if (about) return { torch, about };
      torch[Symbol.dispose]();
    }
    return undefined;
  }

  async #answer<T>(request?: object): Promise<T> {
    if (request) this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#process.answers.next();
    if (done) throw new Error('PyTorch ended; what it said stands above');
    return JSON.parse(value);
  }

  #outcomeOf(lane: string, loss: number, spec: Case, inputs: LossInputs): Outcome {
    if (!hasGrad(spec)) return { loss, grads: {} };
    const grads = gradNames(inputs).map((name) => {
      // A small file's bytes lie somewhere in a pool: a copy is aligned.
      const bytes = new Uint8Array(readFileSync(join(this.#folder, `grad-${lane}-${name}`)));
      return [name, new Float32Array(bytes.buffer)] as const;
    });
    return { loss, grads: Object.fromEntries(grads) };
  }

  /** Runs every lane once, and times those that compute what is expected. Where Python ends, another is started for others. */
  async measure(spec: Case, inputs: LossInputs, options: TorchOptions): Promise<TorchTimings> {
    try {
      return await this.#measure(spec, inputs, options);
    } catch (error) {
      this.#process.stdin.end();
      this.#process = startProcess(this.#python);
      await this.#answer<About>().catch(() => undefined);
      return { timings: {}, absent: { torch: (error as Error).message } };
    }
  }

  async #measure(spec: Case, inputs: LossInputs, options: TorchOptions): Promise<TorchTimings> {
    const { device, threads, cache, effort, expected, tolerance } = options;
    for (const [name, array] of Object.entries(inputs)) writeFileSync(join(this.#folder, name), array);
    const { box, mask, gradScale = 1 } = spec.options;
    const prepared = await this.#answer<{ [lane: string]: { loss: number } | { absent: string } }>({
      prepare: {
        ...{ folder: this.#folder, shapes: shapesOf(spec, inputs), bytes: bytesOf(spec) },
        ...{ device, threads, cache, dtype: spec.sizes.dtype ?? 'float32', grad: hasGrad(spec), gradScale },
        ways: options.ways ?? [],
        options: { beta: box?.beta ?? 1, kind: mask?.kind ?? 'bce', maskWeight: mask?.weight ?? 1 },
      },
    });
    const absent: { [lane: string]: string } = {};
    for (const [lane, result] of Object.entries(prepared)) {
      const reason =
        'absent' in result
          ? result.absent
          : disagreement(this.#outcomeOf(lane, result.loss, spec, inputs), expected, tolerance);
      if (reason) absent[lane] = reason;
    }
    const lanes = Object.keys(prepared).filter((lane) => !absent[lane]);
    return { timings: await this.#answer({ time: { lanes, ...effort } }), absent };
  }

  /** Times torchvision's Matcher by the number of threads, where its matches are `expected`. */
  async measureMatching(
    inputs: { readonly boxes: Float32Array; readonly gtBoxes: Float32Array },
    thresholds: MatchOptions,
    { threads, effort, expected }: { threads: readonly number[]; effort: Effort; expected: Int32Array },
  ): Promise<TorchTimings> {
    for (const [name, array] of Object.entries(inputs)) writeFileSync(join(this.#folder, name), array);
    const lanes = await this.#answer<readonly string[]>({
      prepareMatching: { folder: this.#folder, threads, ...thresholds },
    });
    const bytes = new Uint8Array(readFileSync(join(this.#folder, 'matches')));
    const matches = new Int32Array(bytes.buffer);
    const wrong = expected.findIndex((match, i) => match !== matches[i]);
    const timings = await this.#answer<TorchTimings['timings']>({ time: { lanes, ...effort } });
    if (wrong < 0) return { timings, absent: {} };
    const reason = `WRONG: matches[${wrong}] is ${matches[wrong]}; expected ${expected[wrong]}`;
    return { timings: {}, absent: Object.fromEntries(lanes.map((lane) => [lane, reason])) };
  }

  [Symbol.dispose](): void {
    this.#process.stdin.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
