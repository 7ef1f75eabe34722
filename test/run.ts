import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Arguments, parseArguments, usage } from './arguments';
import { type Target, targetsOf } from './support/targets';

// `npm test`: runs each suite in a process of its own, several at once, and counts. Suites that import support/device run on
// every chosen device, but those in cuda/ only on CUDA devices; all others run once, with the CPU. A file that crashes, hangs,
// tests nothing or forgets to run a suite counts as a failure, and so does each finding of a device that checks memory and
// order. When stopped, it reports what has run.

/** The libraries of a sanitizer, for the suites alone. */
const preload = { LD_PRELOAD: process.env.ROI_LOSS_TEST_PRELOAD ?? process.env.LD_PRELOAD };

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const noTests = (): Count => ({ passed: 0, failed: 0, skipped: 0 });

function add(total: Count, count: Count): void {
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}

const textOf = ({ passed, failed, skipped }: Count) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** What uvu prints at the end; undefined if it did not get there. */
function parse(output: string): Count | undefined {
  const number = (label: string) =>
    Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? Number.NaN);
  const [total, passed, skipped] = [number('Total'), number('Passed'), number('Skipped')];
  if (Number.isNaN(total + passed + skipped) || total + skipped === 0) return undefined;
  return { passed, failed: total - passed, skipped };
}

interface SuiteFile {
  readonly path: string;
  readonly name: string;
  /** uvu passes over a suite without its `.run()` in silence. */
  readonly forgetsRun: boolean;
  /** Whether it is about the device under test. */
  readonly ofDevices: boolean;
  /** Whether that device must be a CUDA device. */
  readonly ofCuda: boolean;
}

function suiteFile(name: string): SuiteFile {
  const path = join(__dirname, name);
  const source = readFileSync(path, 'utf8');
  const count = (pattern: RegExp) => source.match(pattern)?.length ?? 0;
  const ofDevices = source.includes("from '../support/device'");
  return {
    path,
    name,
    forgetsRun: count(/\bsuite\(/g) > count(/\.run\(\)/g),
    ofDevices,
    ofCuda: ofDevices && name.startsWith('cuda/'),
  };
}

/** What a device that checks memory and order prints when it finds something. */
const finding = /^(?:.*[•✘] )?(?:ptxrun|cuda \(stand-in\)): .*$/gm;

function runFile(
  { path, name, forgetsRun }: SuiteFile,
  { label, env }: Target,
  limit: number,
): Promise<Count> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--expose-gc', path], {
    env: { ...process.env, ...env, ...preload, FORCE_COLOR: '0' },
    timeout: limit * 1000,
    killSignal: 'SIGKILL',
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
    errors += data;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      console.log(`\n${name}, ${label}\n${output.trimEnd()}`);
      const count = parse(output);
      const findings = errors.match(finding)?.length ?? 0;
      const ended = code === 0 || (count && count.failed > 0);
      const reasons = [
        ...(ended ? [] : [`ended with ${signal ?? `exit code ${code}`}`]),
        ...(ended && !count ? ['ran no tests'] : []),
        ...(forgetsRun ? ['forgets to run a suite'] : []),
        ...(findings > 0 ? [`made ${label} print ${findings} findings`] : []),
      ];
      for (const reason of reasons) console.log(`failed: ${name} ${reason}`);
      const { passed, failed, skipped } = count ?? noTests();
      resolve({ passed, failed: failed + reasons.length, skipped });
    });
  });
}

/** Builds the addon and the library. Returns whether that worked; the build has printed why not. */
const build = () =>
  spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit', shell: process.platform === 'win32' })
    .status === 0;

async function runSuites({ chosen, devices, jobs, limit, without }: Arguments): Promise<void> {
  const total = noTests();
  const lines: string[] = [];
  const skip = (what: string, reason: string) => {
    lines.push(`skipped: ${what} — ${reason}`);
    total.skipped++;
  };
  const files = chosen
    .filter((name) => {
      const out = without.find(({ word }) => name.startsWith(word) || basename(name).startsWith(word));
      if (out) skip(name, out.reason);
      return !out;
    })
    .map(suiteFile);
  const found = targetsOf(devices, (label, reason) => skip(`the suites on ${label}`, reason));
  const reports = found.map((target) => ({ target, count: noTests(), seconds: 0 }));
  const queue = reports
    .flatMap((report) => {
      const isCpu = report.target.label === 'cpu';
      return files
        .filter((file) => (isCpu ? !file.ofCuda : file.ofDevices))
        .map((file) => ({ file, report }));
    })
    .values();
  const worker = async () => {
    for (const { file, report } of queue) {
      const begin = performance.now();
      add(report.count, await runFile(file, report.target, limit));
      report.seconds += (performance.now() - begin) / 1000;
    }
  };
  const workers = Promise.all(Array.from({ length: jobs }, worker));
  const stopped = new Promise((resolve) => process.once('SIGTERM', () => resolve('stopped')));
  const isStopped = (await Promise.race([workers, stopped])) === 'stopped';
  for (const { target, count, seconds } of reports) {
    lines.push(`${target.label}: ${textOf(count)}, ${seconds.toFixed(0)} s in suites`);
    add(total, count);
  }
  console.log(`\n${lines.join('\n')}\n\n${textOf(total)}`);
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
  if (isStopped) {
    console.log('stopped before all suites had run');
    process.exit(1);
  }
}

async function main(): Promise<void> {
  let args: Arguments;
  try {
    args = parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (args.help) console.log(usage);
  else if (args.build && !build()) process.exitCode = 1;
  else await runSuites(args);
}

main();
