import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LossInputs } from 'roi-loss';
import { type Case, maskSizeOf } from '../cases';
import { gradNames } from '../inputs';
import type { Outcome } from '../outcome';
import type { Timing } from '../statistics';
import type { Effort } from '../timing';

export const howToInstall = 'apt-get install python3-torch python3-torchvision';

/** The first Python that has torch and torchvision. */
function findPython(): string | undefined {
  const imports = (python: string) =>
    spawnSync(python, ['-c', 'import torch, torchvision'], { stdio: 'ignore' }).status === 0;
  return [process.env.ROI_LOSS_PYTHON, 'python3', '/usr/bin/python3'].find(
    (python) => python && imports(python),
  );
}

function shapesOf(spec: Case, inputs: LossInputs): { [name: string]: readonly number[] } {
  const { rois, classes, maskRois = rois } = spec.sizes;
  const maskSize = maskSizeOf(spec);
  const maskChannels =
    inputs.maskLogits && inputs.maskTargets ? inputs.maskLogits.length / inputs.maskTargets.length : 0;
  const shapes: { readonly [name: string]: readonly number[] } = {
    classLogits: [rois, classes],
    boxDeltas: [rois, classes, 4],
    boxTargets: [rois, 4],
    maskLogits: [maskRois, maskChannels, ...maskSize],
    maskTargets: [maskRois, ...maskSize],
    labels: [rois],
    maskLabels: [maskRois],
  };
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, shapes[name]!]));
}

/** Python with PyTorch and torchvision, in a process of its own that lives as long as the benchmark. */
export class Torch implements Disposable {
  readonly #python;
  readonly #answers: AsyncIterator<string>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));

  private constructor(python: string) {
    this.#python = spawn(python, [join(__dirname, 'pytorch.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#python.stdout })[Symbol.asyncIterator]();
  }

  /** With its versions; undefined where there is none. */
  static async start(): Promise<{ torch: Torch; description: string } | undefined> {
    const python = findPython();
    if (!python) return undefined;
    const torch = new Torch(python);
    return { torch, description: await torch.#answer() };
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('PyTorch ended; what it said stands above');
    return JSON.parse(value);
  }

  async measure(
    spec: Case,
    inputs: LossInputs,
    threads: readonly number[],
    effort: Effort,
  ): Promise<{ outcome: Outcome; timings: { readonly [threads: number]: Timing } }> {
    const file = (name: string) => join(this.#folder, name);
    for (const [name, array] of Object.entries(inputs)) writeFileSync(file(name), array);
    const { box, mask } = spec.options;
    const options = { beta: box?.beta ?? 1, kind: mask?.kind ?? 'bce', maskWeight: mask?.weight ?? 1 };
    const request = { folder: this.#folder, shapes: shapesOf(spec, inputs), options, threads, ...effort };
    this.#python.stdin.write(`${JSON.stringify(request)}\n`);
    const { loss, timings } = await this.#answer<{ loss: number; timings: { [threads: number]: Timing } }>();
    const grads = gradNames(inputs).map((name) => {
      // A small file's bytes lie somewhere in a pool: a copy is aligned.
      const bytes = new Uint8Array(readFileSync(file(`grad-${name}`)));
      return [name, new Float32Array(bytes.buffer)] as const;
    });
    return { outcome: { loss, grads: Object.fromEntries(grads) }, timings };
  }

  [Symbol.dispose](): void {
    this.#python.stdin.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
