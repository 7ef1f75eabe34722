import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(__dirname, '..', '..');
const settings = join(root, 'build', 'Release', 'images', 'nvcc.json');

/** What a kernel takes of a multiprocessor, as ptxas tells it. */
export interface Resources {
  readonly kernel: string;
  /** Compute capability without its point. */
  readonly architecture: number;
  readonly registers: number;
  /** Bytes of a thread in local memory: spilled registers and arrays. */
  readonly stack: number;
  readonly spillStores: number;
  readonly spillLoads: number;
  /** Blocks of 256 threads that the registers of a multiprocessor are enough for. */
  readonly blocks: number;
}

/** Whether the build had nvcc. */
export const hasCompiler = () => existsSync(settings);

const registersOfMultiprocessor = 65536;
/** ptxas hands them out to warps, in pieces of 256. */
const registersOfBlock = (registers: number) => 8 * 256 * Math.ceil((registers * 32) / 256);

/** `output` of one kernel. */
/** What ptxas says of each kernel, one after another. */
function parse(output: string, architecture: number): Resources[] {
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
      const registers = Number(find(/Used (\d+) registers/)[1]);
      return {
        kernel: find(/Compiling entry function '(\w+)'/)[1] as string,
        architecture,
        registers,
        stack: Number(stack),
        spillStores: Number(stores),
        spillLoads: Number(loads),
        blocks: Math.floor(registersOfMultiprocessor / registersOfBlock(registers)),
      };
    });
}

/** Compiles the kernels for every architecture, two at a time, and reads what ptxas says of it. */
export async function allResources(onEach?: (done: number, of: number) => void): Promise<Resources[]> {
  const { nvcc, options, architectures } = JSON.parse(readFileSync(settings, 'utf8')) as {
    nvcc: string;
    options: string[];
    architectures: number[];
  };
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-kernels-'));
  const source = join(root, 'native', 'cuda', 'kernels', 'step.cu');
  const results: Resources[] = [];
  const queue = architectures.values();
  let done = 0;
  const worker = async () => {
    for (const architecture of queue) {
      const target = join(folder, `${architecture}.cubin`);
      const args = [...options, `-arch=sm_${architecture}`, '-Xptxas', '-v', '-cubin', source, '-o', target];
      const { stderr } = await run(nvcc, args);
      results.push(...parse(stderr, architecture));
      done++;
      onEach?.(done, architectures.length);
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const order = ({ kernel, architecture }: Resources) => `${kernel} ${String(architecture).padStart(4)}`;
  return results.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}
