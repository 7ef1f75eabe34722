// Builds the addon with cmake-js: says what is built and about how long that takes, and what is missing if it cannot.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const out = 'build/Release';

/** More than this many at once would not help: the kernels take two threads of nvcc, and longest. */
const parallel = 4;
const cores = Math.min(parallel, availableParallelism());

/** Minutes of one core that the two parts took on a slow one. */
const coreMinutes = { loops: 2, kernels: 5 };

function fail(...lines) {
  console.error(lines.join('\n'));
  process.exit(1);
}

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const isWindows = process.platform === 'win32';

/** Each tool with what to do about its absence. */
const missing = [
  [
    runs('cmake'),
    'CMake 3.18 or newer was not found. Debian: apt-get install cmake. macOS: brew install cmake.',
  ],
  [
    isWindows || [process.env.CXX, 'c++', 'g++', 'clang++'].some((cxx) => cxx && runs(cxx)),
    'A C++20 compiler (g++ 12 or clang 14, or newer) was not found. Debian: apt-get install g++. macOS: xcode-select --install.',
  ],
  [
    isWindows || ['ninja', 'make'].some(runs),
    'Neither make nor ninja was found. Debian: apt-get install make. macOS: xcode-select --install.',
  ],
].flatMap(([found, advice]) => (found ? [] : [advice]));
if (missing.length > 0)
  fail('roi-loss: the native addon cannot be built.', ...missing.map((advice) => `  - ${advice}`));

/** ROI_LOSS_CUDA as CMake's option; undefined keeps what the folder was configured with, at first with the kernels. */
function kernelsOption() {
  const value = process.env.ROI_LOSS_CUDA;
  if (!value) return undefined;
  if (!['on', 'off'].includes(value)) fail(`roi-loss: ROI_LOSS_CUDA is '${value}'; expected 'on' or 'off'`);
  return `ROI_LOSS_CUDA=${value.toUpperCase()}`;
}

const option = kernelsOption();
const cache = join(root, out, 'CMakeCache.txt');
// cmake-js configures a folder once.
if (option && existsSync(cache) && !readFileSync(cache, 'utf8').includes(option.replace('=', ':BOOL=')))
  spawnSync('cmake', [`-D${option}`, out], { cwd: root, stdio: 'ignore' });

/** What CMake says of the kernels when it configures the folder, before the first step. */
let kernels;

function announce() {
  if (kernels === undefined) return console.log('roi-loss: building what has changed of the native addon.');
  const areIn = kernels.startsWith('with CUDA kernels');
  const minutes = Math.ceil((coreMinutes.loops + (areIn ? coreMinutes.kernels : 0)) / cores);
  console.log(
    `roi-loss: building the native addon ${kernels}: about ${minutes} min on ${cores} core${cores > 1 ? 's' : ''}.`,
  );
  if (areIn) console.log('roi-loss: ROI_LOSS_CUDA=off leaves the kernels out, which are most of the work.');
}

const output = [];
let announced = false;

/** Passes on how far the build is; keeps all lines for a build that fails. */
function follow(line) {
  output.push(line);
  kernels = /^-- roi-loss: (.*)/.exec(line)?.[1] ?? kernels;
  // As Ninja and as make count: `[3/40] Building …`, `[  7%] Building …`. Other lines come where nothing has changed too.
  if (!/^\[ *\d+(\/\d+|%)\] (Building|Linking|Compiling) /.test(line)) return;
  if (!announced) announce();
  announced = true;
  if (process.stdout.isTTY)
    process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns || 80) - 1)}`);
}

const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const definitions = option ? [`--CD${option}`] : [];
const build = spawn(
  process.execPath,
  [cmakeJs, 'build', '--out', out, '--parallel', String(parallel), ...definitions],
  { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
);
for (const stream of [build.stdout, build.stderr]) createInterface(stream).on('line', follow);
build.on('close', (status) => {
  if (announced && process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  if (status !== 0)
    fail(...output, 'roi-loss: building the native addon failed; the compiler says why above.');
});
