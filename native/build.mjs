// Builds the addon with cmake-js, and says what is missing where it cannot.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Each tool with what to do about its absence. */
const missing = [
  [
    runs('cmake'),
    'CMake 3.18 or newer was not found. Debian: apt-get install cmake. macOS: brew install cmake.',
  ],
  [
    process.platform === 'win32' ||
      [process.env.CXX, 'c++', 'g++', 'clang++'].some((cxx) => cxx && runs(cxx)),
    'A C++20 compiler (g++ 12 or clang 14, or newer) was not found. Debian: apt-get install g++. macOS: xcode-select --install.',
  ],
].flatMap(([found, advice]) => (found ? [] : [advice]));

if (missing.length > 0) {
  console.error(
    ['roi-loss: the native addon cannot be built.', ...missing.map((advice) => `  - ${advice}`)].join('\n'),
  );
  process.exit(1);
}

const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const build = spawnSync(process.execPath, [cmakeJs, 'build', '--out', 'build/Release', '--parallel', '4'], {
  cwd: root,
  encoding: 'utf8',
});
if (build.status !== 0) {
  console.error(build.stdout, build.stderr);
  console.error('roi-loss: building the native addon failed; the compiler says why above.');
  process.exit(1);
}
