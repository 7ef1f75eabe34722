import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuQuota } from '../../lib/cpus';

// How many threads the CPU gets: the quota of the container, and the threads that a process truly has.

const test = suite('threads');

/** A file system of the given texts. */
const files = (texts: { readonly [path: string]: string }) => (path: string) => texts[path];

const v2mount = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
const v1mount = (root: string) =>
  [
    `25 24 0:21 ${root} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset`,
    `26 24 0:22 ${root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:7 master:3 - cgroup cgroup rw,cpu,cpuacct`,
  ].join('\n');

const quotas: readonly (readonly [what: string, cpus: number, texts: { readonly [path: string]: string }])[] =
  [
    ['no control groups', Infinity, {}],
    [
      'version 2 within a namespace, as in Docker',
      2,
      {
        '/proc/self/cgroup': '0::/\n',
        '/proc/self/mountinfo': v2mount,
        '/sys/fs/cgroup/cpu.max': '200000 100000\n',
      },
    ],
    [
      'version 2 without a bound',
      Infinity,
      {
        '/proc/self/cgroup': '0::/a.slice\n',
        '/proc/self/mountinfo': v2mount,
        '/sys/fs/cgroup/a.slice/cpu.max': 'max 100000\n',
      },
    ],
    [
      'version 2, the least of the group and its ancestors',
      1.5,
      {
        '/proc/self/cgroup': '0::/kube/pod7/main\n',
        '/proc/self/mountinfo': v2mount,
        '/sys/fs/cgroup/kube/cpu.max': '1600000 100000\n',
        '/sys/fs/cgroup/kube/pod7/cpu.max': '75000 50000\n',
        '/sys/fs/cgroup/kube/pod7/main/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/kube/pod8/cpu.max': '10000 100000\n',
      },
    ],
    [
      'version 2, a group outside of the namespace',
      4,
      {
        '/proc/self/cgroup': '0::/../other\n',
        '/proc/self/mountinfo': v2mount,
        '/sys/fs/cgroup/cpu.max': '400000 100000\n',
        '/sys/fs/other/cpu.max': '100000 100000\n',
      },
    ],
    [
      'version 1, whose mount is the container’s own group',
      0.5,
      {
        '/proc/self/cgroup': '4:cpuset:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n',
        '/proc/self/mountinfo': v1mount('/docker/abc'),
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
    ],
    [
      'version 1, an ancestor',
      3,
      {
        '/proc/self/cgroup': '3:cpu,cpuacct:/a/b\n0::/\n',
        '/proc/self/mountinfo': `${v1mount('/')}\n${v2mount}`,
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '300000\n',
        '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us': '100000\n',
      },
    ],
    [
      'a mount point with a blank',
      1,
      {
        '/proc/self/cgroup': '0::/\n',
        '/proc/self/mountinfo': '30 23 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw',
        '/my groups/cpu.max': '100000 100000',
      },
    ],
    [
      'files that say nothing',
      Infinity,
      {
        '/proc/self/cgroup': '0::/\nodd\n',
        '/proc/self/mountinfo': `odd\n${v2mount}`,
        '/sys/fs/cgroup/cpu.max': '',
      },
    ],
  ];

for (const [what, cpus, texts] of quotas)
  test(`the CPU quota: ${what}`, () => {
    assert.is(cpuQuota(files(texts)), cpus);
  });

/** Runs a script that reports something as JSON, in a process of its own. */
function run(script: string, env: NodeJS.ProcessEnv = {}): unknown {
  const prelude = `
    const { readdirSync, readFileSync } = require('node:fs');
    const entry = ${JSON.stringify(join(__dirname, '..', '..', 'dist', 'index.js'))};
    /** The threads of this process that are the package's. */
    const threads = () => readdirSync('/proc/self/task').flatMap((id) => {
      try {
        const name = readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim();
        return name.startsWith('roi-loss') ? [name] : [];
      } catch {
        return []; // ended meanwhile
      }
    }).sort();
    const report = (value) => console.log(JSON.stringify(value));
    const step = ({ fusedMaskLoss }, rois, device) => fusedMaskLoss(
      { maskLogits: new Float32Array(rois * 784), maskTargets: new Float32Array(rois * 784), labels: new Int32Array(rois).fill(1) },
      { classes: 2, ...(device && { device }) },
    );
    const settled = async (count) => {
      for (let i = 0; i < 400 && threads().length !== count; i++) await new Promise((resolve) => setTimeout(resolve, 50));
      return threads();
    };`;
  return JSON.parse(
    execFileSync(process.execPath, ['-e', `${prelude}\n${script}`], {
      env: { ...process.env, ROI_LOSS_NUM_THREADS: '', ...env },
      encoding: 'utf8',
    }),
  );
}

const cpus = availableParallelism();
const onLinux: typeof test = process.platform === 'linux' ? test : (test.skip as typeof test);

onLinux('many copies of the package, in contexts and workers, have one pool, no larger than the CPUs', () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const vm = require('node:vm');
    const Module = require('node:module');
    const { dirname } = require('node:path');
    /** As a test runner loads it: with modules of its own for each file, in a context of its own. */
    function loadInContext() {
      const context = vm.createContext({ ...globalThis, process, Buffer, Float32Array, Int32Array, Uint8Array, Uint16Array });
      const cache = new Map();
      const load = (path) => {
        if (cache.has(path)) return cache.get(path).exports;
        const module = { exports: {} };
        cache.set(path, module);
        const require = Module.createRequire(path);
        const own = (name) => (name.startsWith('.') ? load(require.resolve(name)) : require(name));
        const wrapper = vm.runInContext(Module.wrap(readFileSync(path, 'utf8')), context, { filename: path });
        wrapper(module.exports, own, module, path, dirname(path));
        return module.exports;
      };
      return load(entry);
    }
    const counts = [];
    const copies = [];
    for (let i = 0; i < 5; i++) {
      const copy = loadInContext();
      copies.push(copy);
      step(copy, 512);
      counts.push(threads().length);
    }
    const worker = \`
      const { fusedMaskLoss } = require(\${JSON.stringify(entry)});
      const { parentPort } = require('node:worker_threads');
      (\${step})({ fusedMaskLoss }, 512);
      parentPort.postMessage('');
      setInterval(() => {}, 1000);
    \`;
    (async () => {
      const workers = [];
      for (let i = 0; i < 3; i++) {
        workers.push(new Worker(worker, { eval: true }));
        await new Promise((resolve) => workers[i].once('message', resolve));
        counts.push(threads().length);
      }
      for (const worker of workers) await worker.terminate();
      step(copies[0], 512);
      report({ counts, names: [...new Set(threads())], different: new Set(copies.map((c) => c.fusedLoss)).size });
    })();`;
  const { counts, names, different } = run(script) as {
    counts: number[];
    names: string[];
    different: number;
  };
  assert.is(different, 5);
  assert.equal(
    counts,
    counts.map(() => counts[0]),
  );
  assert.ok((counts[0] as number) < cpus, `${counts[0]} threads for ${cpus} CPUs`);
  if (cpus > 1) assert.equal(names, ['roi-loss']);
});

onLinux('no more threads are started than a step has parts for, or the process has CPUs', () => {
  const script = `
    const roiLoss = require(entry);
    const device = roiLoss.openDevice('cpu', { threads: 64 });
    const counts = [1, 60, 100, 512].map((rois) => {
      step(roiLoss, rois, device);
      return threads().length;
    });
    report({ counts, description: device.description });`;
  const { counts, description } = run(script) as { counts: number[]; description: string };
  assert.match(description, '64 threads');
  // 20 masks of 28×28 are a part.
  const most = [1, 1, 5, 26].map((parts) => Math.min(parts, cpus) - 1);
  counts.forEach((count, i) => {
    assert.ok(count <= (most[i] as number), `${counts}; expected at most ${most}`);
  });
});

onLinux('a step that is enqueued has a thread, which ends when there is nothing to do', () => {
  const script = `
    const roiLoss = require(entry);
    const device = roiLoss.openDevice('cpu', { threads: 1 });
    const batch = device.batch({ rois: 2048, classes: 2, maskChannels: 1, terms: ['mask'] });
    const during = async () => {
      await roiLoss.fusedMaskLoss(batch).loss();
      return threads();
    };
    (async () => report([await during(), await settled(0), await during(), await settled(0)]))();`;
  assert.equal(run(script), [['roi-loss-steps'], [], ['roi-loss-steps'], []]);
});

onLinux('the threads of the pool end with the last device', () => {
  const script = `
    const roiLoss = require(entry);
    const [one, other] = [1, 2].map(() => roiLoss.openDevice('cpu', { threads: 4 }));
    step(roiLoss, 512, one);
    step(roiLoss, 512, other);
    const before = threads().length;
    one.dispose();
    (async () => {
      step(roiLoss, 512, other);
      const between = threads().length;
      other.dispose();
      for (let i = 0; i < 5; i++) global.gc();
      report([before, between, (await settled(0)).length]);
    })();`;
  const workers = Math.min(3, cpus - 1);
  assert.equal(run(script, { NODE_OPTIONS: '--expose-gc' }), [workers, workers, 0]);
});

onLinux('many at once, from workers, compute the same', () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const worker = \`
      const { fusedMaskLoss, openDevice } = require(\${JSON.stringify(entry)});
      const { parentPort } = require('node:worker_threads');
      const rois = 400;
      const maskLogits = Float32Array.from({ length: rois * 784 }, (_, i) => Math.sin(i));
      const maskTargets = Float32Array.from({ length: rois * 784 }, (_, i) => i % 3 === 0 ? 1 : 0);
      const labels = new Int32Array(rois).fill(1);
      const device = openDevice('cpu', { threads: 5 });
      const losses = new Set();
      for (let i = 0; i < 60; i++) losses.add(fusedMaskLoss({ maskLogits, maskTargets, labels }, { classes: 2, device }).loss);
      parentPort.postMessage([...losses]);
    \`;
    const workers = Array.from({ length: 4 }, () => new Worker(worker, { eval: true }));
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)))).then((all) =>
      report([...new Set(all.flat())].length));`;
  assert.is(run(script), 1);
});

test.run();
