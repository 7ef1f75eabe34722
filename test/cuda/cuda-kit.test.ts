import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestDevice, simulated } from '../support/device';
import { capturesStreams } from '../support/stream';

// bench/gpu-run.sh rehearsed on the stand-in, with nothing but what bench/gpu-host.sh packs, on a path without Node: what stands
// for NVIDIA's tools only looks like them.

const test = suite('the kit for a machine with a GPU');
const root = join(__dirname, '..', '..');

/** All that the script needs of a system. */
const tools =
  'awk bash cat chmod cksum cmp cp cut dirname env find grep gzip head kill mkdir mktemp mv rm sed sh sleep sort tail tar timeout xargs';

const fakes = {
  'nvidia-smi': 'echo "a stand-in, 580.0, 4096 MiB, Default"',
  'compute-sanitizer': `i=0; while [ $i -lt 500 ]; do
    echo "========= Invalid __global__ read of size 4 bytes"; i=$((i + 1)); done; exit 9`,
  ncu: `echo '"Kernel Name","Metric Name","Metric Value"'
    for metric in dram__bytes_read.sum lts__t_sectors.sum dram__throughput.avg.pct_of_peak_sustained_elapsed gpu__time_duration.sum; do
      echo "\\"roi_step\\",\\"$metric\\",\\"1,024\\""; done`,
};

function writeScript(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

/** A checkout with a kit, and a path. In the kit this Node stands for its copy, which takes half a minute to pack. */
function makeHost(folder: string): NodeJS.ProcessEnv {
  for (const name of [
    'bench',
    'common',
    'lib',
    'test',
    'examples',
    'native',
    'CMakeLists.txt',
    'package.json',
    'tsconfig.json',
  ])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const kit = join(folder, '.gpu-host');
  mkdirSync(kit);
  writeFileSync(join(kit, 'node.gz'), gzipSync(`#!/bin/sh\nexec '${process.execPath}' "$@"\n`));
  const pack = `node bench/gpu-files.mjs | tar -czf '${kit}/packages.tgz' --exclude='*.map' --exclude='*.d.ts' --files-from=- &&
    tar -czf '${kit}/build.tgz' dist build/Release/roi-loss.node && bench/gpu-sources.sh > '${kit}/sources'`;
  const { status, stderr } = spawnSync('sh', ['-c', pack], { cwd: root, encoding: 'utf8' });
  assert.is(status, 0, stderr);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const tool of tools.split(' ')) {
    const path = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(path.startsWith('/') ? path : `/bin/${tool}`, join(bin, tool));
  }
  for (const [name, text] of Object.entries(fakes)) writeScript(join(bin, name), text);
  return { ...process.env, PATH: bin, OUT: join(folder, 'out'), ROI_LOSS_REHEARSAL: '4' };
}

function rehearse(folder: string, env: NodeJS.ProcessEnv): void {
  const summary = () => readFileSync(join(folder, 'out', 'summary.txt'), 'utf8');
  const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
    spawnSync(join(folder, 'bench', 'gpu-run.sh'), args, { env: { ...env, ...more }, encoding: 'utf8' });
  const isOneOf = (name: string) => ['summary.txt', 'all.tgz'].includes(name);

  const unknown = run(['--stage', 'foo']);
  assert.is(unknown.status, 2);
  assert.match(unknown.stderr, "there is no stage 'foo'");

  const plan = run(['--list']).stdout.trim().split('\n');
  const sum = plan.reduce((all, line) => all + Number(line.split(' ')[1]), 0);
  assert.ok(sum > 0 && sum < 540, `the limits sum to ${sum} s`);

  const without = run([], { LD_LIBRARY_PATH: '', CUDA_VISIBLE_DEVICES: '' });
  assert.is(without.status, 3, without.stderr);
  assert.is(without.stdout.match(/nothing ran: there is no GPU/g)?.length, 1);

  const chosen = ['device', 'ncu', 'memcheck', 'compile'].flatMap((name) => ['--stage', name]);
  const some = run(chosen);
  assert.is(some.status, 1, some.stderr);
  assert.match(summary(), /^device: passed/m);
  assert.match(summary(), /^ncu: passed/m);
  assert.match(summary(), /^memcheck: FAILED \(9\)/m);
  assert.match(summary(), /^compile: skipped, there is no python3/m);
  assert.match(summary(), 'Invalid __global__ read');
  assert.match(summary(), 'R = F = 4096, rewrite');
  assert.ok(some.stdout.endsWith(summary()), 'the summary is printed last');
  assert.ok(summary().length <= 10_000);
  assert.ok(readdirSync(join(folder, 'out')).every(isOneOf));

  const none = run(['--stage', 'eager']);
  assert.is(none.status, 3, none.stdout);
  writeFileSync(join(folder, 'lib', 'new.ts'), '');
  const other = run([]);
  assert.is(other.status, 2);
  assert.match(other.stderr, 'made of other sources');
  rmSync(join(folder, '.gpu-host'), { recursive: true });
  const missing = run([]);
  assert.is(missing.status, 2);
  assert.match(missing.stderr, '.gpu-host');
}

/** A stop in the middle of a stage loses nothing of what it has measured. */
async function stop(folder: string, host: NodeJS.ProcessEnv): Promise<void> {
  const env = { ...host, TMPDIR: join(folder, 'tmp') };
  mkdirSync(env.TMPDIR);
  const table = () =>
    readdirSync(env.TMPDIR).some((name) => existsSync(join(env.TMPDIR, name, 'all', 'headline.txt')));
  const script = spawn(join(folder, 'bench', 'gpu-run.sh'), ['--stage', 'headline'], {
    env,
    stdio: 'ignore',
  });
  const ended = new Promise<number>((resolve) => script.on('close', resolve));
  const timer = setInterval(() => {
    if (!table()) return;
    clearInterval(timer);
    script.kill('SIGTERM');
  }, 50);
  assert.is(await ended, 1);
  assert.equal(readdirSync(join(folder, 'out')).sort(), ['all.tgz', 'summary.txt']);
  const summary = readFileSync(join(folder, 'out', 'summary.txt'), 'utf8');
  assert.match(summary, /^headline: STOPPED/m);
  assert.match(summary, /^R = 512, F = 128, sparse/m);
  assert.not.match(summary, 'R = F = 512, rewrite');
  const { stdout } = spawnSync('tar', ['-tzf', join(folder, 'out', 'all.tgz')], { encoding: 'utf8' });
  assert.match(stdout, 'all/headline.json');
  assert.not.ok(
    readdirSync(env.TMPDIR).some((name) => name.startsWith('tmp.')),
    'nothing is left behind',
  );
}

const what = [
  'a stage that is stopped has written what it measured',
  'what is packed is enough, every end has its exit code, and two files come back',
] as const;
if (simulated && capturesStreams(openTestDevice())) {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-kit-'));
  const env = makeHost(folder);
  test.after(() => rmSync(folder, { recursive: true }));
  test(what[0], () => stop(folder, env));
  test(what[1], () => rehearse(folder, env));
} else {
  for (const name of what) {
    console.log(`skipped: ${name} — the kit is rehearsed on the stand-in`);
    test.skip(name);
  }
}

test.run();
