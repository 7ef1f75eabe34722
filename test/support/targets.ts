import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DeviceInfo } from 'roi-loss';
import { builtImages } from '../../common/images';

// The devices that the suites can run on here, or why they cannot. What plays a GPU is called by its own name.

export interface Target {
  /** How it is reported. */
  readonly label: string;
  /** What a suite's process needs to find it. */
  readonly env: NodeJS.ProcessEnv;
}

export interface Unavailable {
  readonly label: string;
  readonly reason: string;
}

const root = join(__dirname, '..', '..');
/** A sanitizer's run has a build of its own. */
const build = process.env.ROI_LOSS_STANDIN_BUILD ?? join(root, 'build', 'standin-tests');

/** What the environment says, or a number of this run, which is printed. */
function seedOf(variable: string, otherwise: number): string {
  const seed = process.env[variable] ?? String(otherwise);
  console.log(`${variable}=${seed}`);
  return seed;
}

/** A CUDA device that the libcuda.so.1 of `folder` makes. */
function cudaFrom(folder: string, label: string, env: NodeJS.ProcessEnv): Target {
  const path = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { label, env: { ...onCuda('cuda', label), ...env, LD_LIBRARY_PATH: path } };
}

const onCuda = (name: string, label: string) => ({
  ROI_LOSS_TEST_DEVICE: name,
  ROI_LOSS_TEST_DEVICE_NAME: label,
});

/** Runs a build. Returns why it failed, if it did. */
export function failureOf(command: string, args: readonly string[], cwd = root): string | undefined {
  // Build tools do without a sanitizer's libraries; some hang with them.
  const env = { ...process.env, LD_PRELOAD: '' };
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (status === 0) return undefined;
  return `${command} ${args.join(' ')} failed:\n${error ?? stdout + stderr}`;
}

function standin(): readonly (Target | Unavailable)[] {
  const label = 'cuda (stand-in)';
  console.log('building the stand-in of the CUDA driver, which takes a minute or two the first time');
  const reason =
    failureOf('cmake', ['-S', '.', '-B', build]) ??
    failureOf('cmake', ['--build', build, '--target', 'cuda_standin', '--parallel', '2']);
  if (reason) return [{ label, reason }];
  // The kernels are the stand-in's own: where nvcc made no image, any file that begins as one does will do.
  const ROI_LOSS_CUDA_IMAGE = join(build, 'empty.fatbin');
  writeFileSync(ROI_LOSS_CUDA_IMAGE, Uint8Array.of(0x50, 0xed, 0x55, 0xba, ...new Uint8Array(60)));
  const ROI_STANDIN_SEED = seedOf('ROI_STANDIN_SEED', Math.floor(Math.random() * 2 ** 31));
  return [cudaFrom(join(build, 'cuda_standin'), label, { ROI_STANDIN_SEED, ROI_LOSS_CUDA_IMAGE })];
}

/** The PTX that the addon carries, each with the toolkit of its image, by compute capability. */
const allPtx = () =>
  builtImages()
    .flatMap(({ cuda, ptx }) => ptx.map((capability) => ({ cuda, capability })))
    .sort((a, b) => a.capability - b.capability);

/**
 * Copies ptxrun's sources. It keeps the device's memory at a fixed address, below 2^46, where V8 maps pages of its heap at
 * random: one process in a hundred aborted because both wanted the same. The copy's address is out of V8's reach.
 */
function copyPtxrun(source: string, copy: string): void {
  const [header, own] = [source, copy].map((folder) => join(folder, 'src', 'core.h')) as [string, string];
  cpSync(source, copy, { recursive: true, preserveTimestamps: true, filter: (path) => path !== header });
  const text = readFileSync(header, 'utf8').replace('ARENA=0x300000000000', 'ARENA=0x500000000000');
  // Untouched where it is the same, so that nothing is compiled again.
  if (!existsSync(own) || readFileSync(own, 'utf8') !== text) writeFileSync(own, text);
}

/**
 * The oldest and the newest PTX, or all of it. Where there are two images, those are of the one and the other. In every
 * second run other blocks see plain stores only after a release.
 */
function ptxrun(all: boolean): readonly (Target | Unavailable)[] {
  const source = join(root, '..', 'shared', 'ptxrun');
  const label = 'cuda (ptxrun)';
  if (!existsSync(source)) return [{ label, reason: `there is no ${relative(root, source)}` }];
  const ptx = allPtx().filter((_, i, { length }) => all || i === 0 || i === length - 1);
  if (ptx.length === 0) return [{ label, reason: 'this build has no PTX: nvcc was not found' }];
  console.log('building ptxrun');
  const copy = join(root, 'build', 'ptxrun');
  copyPtxrun(source, copy);
  const reason = failureOf('sh', ['build.sh'], copy);
  if (reason) return [{ label, reason }];
  const seed = Number(seedOf('PTXRUN_SEED', 1));
  const found = ptx.map(({ cuda, capability }, i) =>
    cudaFrom(join(copy, 'lib'), `${label} compute_${capability} by CUDA ${cuda}`, {
      PTXRUN_CC: String(capability),
      PTXRUN_SEED: String(seed + i),
      ...(i % 2 === 1 ? { PTXRUN_WEAK: '1' } : {}),
    }),
  );
  if (builtImages().some(({ cuda }) => Number.parseFloat(cuda) < 13)) return found;
  return [...found, { label: `${label} by CUDA 11 or 12`, reason: 'no nvcc of theirs was found' }];
}

/** The first real GPU that can be used, by the system's own driver; ROI_LOSS_REHEARSAL takes what plays one for it. */
function gpu(): readonly (Target | Unavailable)[] {
  const label = 'cuda (GPU)';
  const script = "console.log(JSON.stringify(require('roi-loss').devices()))";
  const all: DeviceInfo[] = JSON.parse(
    execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' }),
  );
  const gpus = all.filter(({ name }) => name.startsWith('cuda'));
  const found = gpus.find(({ available }) => available) ?? gpus[0];
  if (!found?.available) return [{ label, reason: found?.reason ?? 'devices() lists none' }];
  const { name, description } = found;
  if (!process.env.ROI_LOSS_REHEARSAL && /stand-in|ptxrun/.test(description))
    return [{ label, reason: `LD_LIBRARY_PATH leads to one that is none: ${description}` }];
  return [{ label: `${name}, ${description}`, env: onCuda(name, `${name}, ${description}`) }];
}

const cpu = (): readonly Target[] => [{ label: 'cpu', env: { ROI_LOSS_TEST_DEVICE: 'cpu' } }];

/** By the names that the runner's option takes. */
export const targets = {
  cpu,
  standin,
  gpu,
  ptxrun: () => ptxrun(false),
  'ptxrun-all': () => ptxrun(true),
};

type TargetName = keyof typeof targets;

/** The names in `--devices`. @throws where one is not known */
export function targetNames(names: string): TargetName[] {
  return names.split(',').map((name) => {
    if (Object.hasOwn(targets, name)) return name as TargetName;
    throw new Error(`--devices has '${name}'; expected ${Object.keys(targets).join(', ')}`);
  });
}

/** The devices that `--devices` asks for and that are there; `skip` hears of the others. */
export function targetsOf(names: string, skip: (label: string, reason: string) => void): Target[] {
  return targetNames(names).flatMap((name) =>
    targets[name]().flatMap((target) => {
      if ('env' in target) return [target];
      skip(target.label, target.reason);
      return [];
    }),
  );
}
