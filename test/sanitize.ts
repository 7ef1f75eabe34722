import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { failureOf } from './support/targets';

// Runs the suites with the addon and the stand-in as a sanitizer of g++ builds them, in a folder of their own: `npm run
// test:asan`, `npm run test:tsan`, each with the options and words of `npm test`. Node is not instrumented, so its
// processes load the sanitizer's libraries ahead of all. What those find goes to files, which are looked through in the
// end: a child whose output nobody reads is heard as well.

const root = join(__dirname, '..');

interface Sanitizer {
  /** As -fsanitize of g++ takes it. */
  readonly names: string;
  readonly libraries: readonly string[];
  /**
   * By environment variable; what there is, `ASAN_OPTIONS=help=1` says. Tests allocate more than there is, which is to
   * fail as it does without.
   */
  readonly options: { readonly [variable: string]: string };
  /** As `without`, for this one alone. */
  readonly without?: { readonly [word: string]: string };
}

const sanitizers: { readonly [name: string]: Sanitizer } = {
  asan: {
    names: 'address,undefined',
    libraries: ['libasan.so', 'libubsan.so'],
    options: {
      ASAN_OPTIONS: 'allocator_may_return_null=1:detect_leaks=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
      LSAN_OPTIONS: 'exitcode=0', // most leaks are V8's
    },
  },
  tsan: {
    names: 'thread',
    libraries: ['libtsan.so'],
    // What Node's own threads do is ordered by atomics that are not instrumented.
    options: { TSAN_OPTIONS: 'allocator_may_return_null=1:ignore_noninstrumented_modules=1:exitcode=0' },
    without: { large: 'its arrays of 8 GiB would have as much again of shadow' },
  },
};

/** Suites that a sanitizer says nothing about, by the start of their names or paths. */
const without: { readonly [word: string]: string } = {
  'package/': 'what it packs and installs is not instrumented',
  kernels: 'it reads what nvcc says',
  math: 'pure functions, which other suites go through',
  memory: 'resident memory is mostly the sanitizer’s own',
  'standin.test': 'its programs do wrong on purpose',
};

/** The file of a library of g++; undefined if it has none such. */
function libraryOf(name: string): string | undefined {
  const { stdout } = spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const file = stdout?.trim();
  return file && isAbsolute(file) ? file : undefined;
}

/** Builds the addon. Of the kernels the stand-in has its own; nvcc's, which take long, are left out. */
function build(folder: string, names: string): void {
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const options = { ROI_LOSS_SANITIZE: names, CMAKE_CXX_COMPILER: 'g++', ROI_LOSS_CUDA: 'OFF' };
  const definitions = Object.entries(options).map(([name, value]) => `--CD${name}=${value}`);
  console.log(`building with -fsanitize=${names}`);
  const args = [cmakeJs, 'build', '--out', folder, '--parallel', '2', ...definitions];
  const reason = failureOf(process.execPath, args);
  if (reason) throw new Error(reason);
}

const isOurs = (line: string) => /\/native\/|\/test\/standin\/|roi-loss\.node|libcuda\.so/.test(line);
const isNodes = (line: string) => /\/node\+0x|<unknown module>/.test(line);

/** Of a leak, whether what Node called allocated it: what V8 allocates for a call of ours is V8's. */
function leakIsOurs(leak: string): boolean {
  const stack = leak.split('\n').slice(1);
  const end = stack.findIndex(isNodes);
  return stack.slice(0, end < 0 ? undefined : end).some(isOurs);
}

/** What a sanitizer says in one file, without what is not ours. */
function findingsOf(report: string): readonly string[] {
  if (report.includes('detected memory leaks'))
    return (report.match(/^(?:Direct|Indirect) leak of .*\n(?:.+\n)+/gm) ?? []).filter(leakIsOurs);
  if (report.includes('WARNING: ThreadSanitizer'))
    return report.split(/^={18}$/m).filter((race) => race.split('\n').some(isOurs));
  // Of an allocation that is too large there is a warning.
  return report.includes('ERROR:') || report.includes('runtime error:') ? [report] : [];
}

async function main(): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2);
  const sanitizer = sanitizers[name];
  if (!sanitizer)
    throw new Error(`'${name}' is no sanitizer; expected ${Object.keys(sanitizers).join(' or ')}`);
  const { names, options } = sanitizer;
  const skips = Object.entries({ ...without, ...sanitizer.without });
  const libraries = sanitizer.libraries.map(libraryOf);
  if (process.platform !== 'linux' || libraries.includes(undefined)) {
    console.log(`skipped: ${name} — it takes Linux and a g++ with ${sanitizer.libraries.join(' and ')}`);
    console.log('\n0 passed, 0 failed, 1 skipped');
    return;
  }
  // node-gyp-build looks for build/Release below the folder that it is told.
  const folder = join(root, 'build', name);
  const release = join(folder, 'build', 'Release');
  build(release, names);

  const reports = join(folder, 'reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ROI_LOSS_PREBUILD: folder,
    ROI_LOSS_STANDIN_BUILD: release,
    ROI_LOSS_TEST_PRELOAD: libraries.join(' '),
  };
  for (const [variable, text] of Object.entries(options))
    env[variable] = `${text}:log_path=${join(reports, 'report')}`;
  const runner = join(__dirname, 'run.ts');
  const suites = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', runner, '--devices', 'cpu,standin', '--limit', '1200'],
      ...skips.map(([word, reason]) => `--without=${word}=${reason}`),
      ...args,
    ],
    { env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  suites.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const [status] = await once(suites, 'close');

  const findings = readdirSync(reports).flatMap((file) =>
    findingsOf(readFileSync(join(reports, file), 'utf8')),
  );
  for (const finding of findings) console.log(`\n${finding.trim()}`);
  console.log(`\n${name}: ${findings.length} findings`);
  const [passed, failed, skipped] = (output.trimEnd().split('\n').at(-1)?.match(/\d+/g) ?? []).map(Number);
  if (passed !== undefined && failed !== undefined)
    console.log(`\n${passed} passed, ${failed + findings.length} failed, ${skipped} skipped`);
  if (status !== 0 || findings.length > 0) process.exitCode = 1;
}

main();
