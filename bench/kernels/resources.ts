import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type BuiltImage, builtImages } from '../../common/images';
import { type Accesses, findAccesses, type LanguageName } from './accesses';
import { countInstructions } from './instructions';

const run = promisify(execFile);
const root = join(__dirname, '..', '..');

/** What a kernel takes of a multiprocessor, as ptxas tells it, and how it accesses memory. */
export interface Resources extends Accesses {
  readonly kernel: string;
  /** Version of CUDA that compiled it. */
  readonly cuda: string;
  /** Compute capability without its point. */
  readonly architecture: number;
  readonly registers: number;
  /** Bytes of shared memory that a block has besides what the launch gives it. */
  readonly shared: number;
  /** Bytes of a thread in local memory: spilled registers and arrays. */
  readonly stack: number;
  readonly spillStores: number;
  readonly spillLoads: number;
  /** Of its code. */
  readonly instructions: number;
  /** Blocks of 256 threads that the registers of a multiprocessor are enough for. */
  readonly blocks: number;
}

const registersOfMultiprocessor = 65536;
/** ptxas hands them out to warps, in pieces of 256. */
const registersOfBlock = (registers: number) => 8 * 256 * Math.ceil((registers * 32) / 256);

/** What ptxas says of each kernel, one after another. */
function parse(
  output: string,
  cuda: string,
  architecture: number,
  accesses: ReadonlyMap<string, Accesses>,
  instructions: ReadonlyMap<string, number>,
): Resources[] {
  return output
    .split(/(?=Compiling entry function)/)
    .slice(1)
    .map((part) => {
      const find = (pattern: RegExp) => {
        const match = pattern.exec(part);
        if (!match) throw new Error(`ptxas does not say ${pattern}:\n${part}`);
        return match;
      };
      const [, stack, stores, loads] = find(
        /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/,
      );
      const kernel = find(/Compiling entry function '(\w+)'/)[1]!;
      const registers = Number(find(/Used (\d+) registers/)[1]);
      const found = accesses.get(kernel);
      const count = instructions.get(kernel);
      if (!found || !count) throw new Error(`the code for sm_${architecture} has no ${kernel}`);
      return {
        kernel,
        cuda,
        architecture,
        registers,
        // Not mentioned where there is none.
        shared: Number(/(\d+) bytes smem/.exec(part)?.[1] ?? 0),
        stack: Number(stack),
        spillStores: Number(stores),
        spillLoads: Number(loads),
        instructions: count,
        blocks: Math.floor(registersOfMultiprocessor / registersOfBlock(registers)),
        ...found,
      };
    });
}

/** CUDA's disassembler, if it is there: not every nvcc comes with it. */
const findDisassembler = ({ nvcc }: BuiltImage) =>
  [dirname(nvcc), ...(process.env.PATH ?? '').split(delimiter)]
    .map((folder) => join(folder, 'cuobjdump'))
    .find(existsSync);

/** Compiles the kernels for every architecture of every image, two at a time, and reads what ptxas says of it and what code it made. */
export async function allResources(
  onEach?: (done: number, of: number) => void,
): Promise<{ resources: Resources[]; code: LanguageName }> {
  const images = builtImages();
  const code = images.every(findDisassembler) ? 'SASS' : 'PTX';
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-kernels-'));
  const source = join(root, 'native', 'cuda', 'kernels', 'step.cu');
  const results: Resources[] = [];
  const targets = images.flatMap((image) =>
    image.architectures.map((architecture) => ({ image, architecture })),
  );
  const queue = targets.values();
  let done = 0;
  const worker = async () => {
    for (const { image, architecture } of queue) {
      const kept = join(folder, `${architecture}`);
      mkdirSync(kept);
      const cubin = join(kept, 'step.cubin');
      const keep = ['--keep', '--keep-dir', kept];
      const target = [`-arch=sm_${architecture}`, '-Xptxas', '-v', '-cubin', source, '-o', cubin];
      const { stderr } = await run(image.nvcc, [...image.options, ...keep, ...target]);
      const text =
        code === 'SASS'
          ? (await run(findDisassembler(image)!, ['-sass', cubin], { maxBuffer: Infinity })).stdout
          : readFileSync(join(kept, 'step.ptx'), 'utf8');
      const instructions = countInstructions(readFileSync(cubin));
      results.push(...parse(stderr, image.cuda, architecture, findAccesses(text, code), instructions));
      done++;
      onEach?.(done, targets.length);
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const order = ({ kernel, architecture }: Resources) => `${kernel} ${String(architecture).padStart(4)}`;
  return { resources: results.sort((a, b) => (order(a) < order(b) ? -1 : 1)), code };
}
