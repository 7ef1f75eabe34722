import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// The stand-in for the CUDA driver bites: kernels with a planted fault each (test/standin/faults/kernels.cu) are caught
// under every seed, and the same kernels without it pass; then the driver's functions, used rightly and wrongly.

const root = join(__dirname, '..', '..');
const build = join(root, 'build', 'standin-tests');
const seeds = [1, 2, 3, 4, 5];

/** The kernels, what the driver says of the fault, and what is printed. */
const faults: { readonly [kernel: string]: readonly [result: string, finding: RegExp] } = {
  missing_barrier: ['LAUNCH_FAILED', /race on shared memory|shared memory that was never written/],
  missing_warp_barrier: ['LAUNCH_FAILED', /race on shared memory|shared memory that was never written/],
  race_on_shared: ['LAUNCH_FAILED', /race on shared memory/],
  unwritten_shared: ['LAUNCH_FAILED', /shared memory that was never written/],
  outside_of_shared: ['ILLEGAL_ADDRESS', /outside of shared memory.*thread 255 /],
  store_out_of_range: ['ILLEGAL_ADDRESS', /outside of every allocation: write of 4 bytes/],
  load_out_of_range: ['ILLEGAL_ADDRESS', /outside of every allocation: read of 4 bytes.*block 0, thread 77 /],
  unwritten_memory: ['LAUNCH_FAILED', /memory that was never written: read of 4 bytes/],
  misaligned_vector: ['MISALIGNED_ADDRESS', /misaligned: read of 16 bytes/],
  shuffle_in_a_branch: ['LAUNCH_FAILED', /shuffle under divergence: a lane has ended/],
  shuffles_in_two_branches: ['LAUNCH_FAILED', /shuffle under divergence: a lane is elsewhere/],
  shuffle_after_exit: ['LAUNCH_FAILED', /shuffle under divergence: a lane has ended/],
  barrier_in_a_branch: ['LAUNCH_FAILED', /barrier not reached by all threads.*thread 128 has ended/],
  ticket_before_the_barrier: ['LAUNCH_FAILED', /race on global memory: no release since thread \d+ of block/],
  ticket_releases_nothing: ['LAUNCH_FAILED', /race on global memory: no release since thread \d+ of block/],
  ticket_acquires_nothing: ['LAUNCH_FAILED', /race on global memory: no acquire since thread \d+ of block/],
  load_of_what_is_written: ['LAUNCH_FAILED', /load of what this launch writes/],
  race_on_global: ['LAUNCH_FAILED', /race on global memory: no barrier|memory that was never written/],
  blocks_write_the_same: ['LAUNCH_FAILED', /race on global memory: no release since thread 0 of block/],
  guard_before: ['ILLEGAL_ADDRESS', /guard zone overwritten: before the 20000 bytes/],
  guard_after: ['ILLEGAL_ADDRESS', /guard zone overwritten: after the 20000 bytes/],
};

/** Of standin_host; with what the environment says. */
const uses: { readonly [name: string]: NodeJS.ProcessEnv } = {
  objects_are_counted: {},
  calls_fail_on_demand: {},
  memory_runs_out: { ROI_STANDIN_MEM_MB: '8' },
  only_fatbins_are_loaded: {},
  devices_are_kept_apart: {},
  a_broken_context_stays_broken_until_released: {},
  streams_and_copies_are_asynchronous: {},
  kernels_reach_pinned_memory: {},
  a_capture_keeps_work_for_launches: {},
  captures_forbid_waiting_and_allocating: {},
  threads_share_a_context: {},
  exits_with_work_pending: {},
  another_process_opens_memory: {},
};

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, signal, stdout, stderr } = spawnSync(join(build, program), args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return { status, signal, stdout: stdout.trim(), stderr: stderr.trim() };
}

const check = (kernel: string, planted: boolean, seed: number) =>
  run('standin_check', [kernel, planted ? '1' : '0'], { ROI_STANDIN_SEED: String(seed) });

function addTests(): void {
  execFileSync('cmake', ['-S', root, '-B', build]);
  execFileSync('cmake', ['--build', build, '--target', 'standin_check', 'standin_host', '--parallel', '2']);

  for (const [kernel, [result, finding]] of Object.entries(faults)) {
    test(`${kernel}: caught under every seed, and right without the fault`, () => {
      for (const seed of seeds) {
        const healthy = check(kernel, false, seed);
        assert.is(healthy.stdout, 'right', `seed ${seed}: ${healthy.stderr}`);
        assert.is(healthy.stderr, '');
        const faulty = check(kernel, true, seed);
        assert.is(faulty.stdout, `CUDA_ERROR_${result}`, `seed ${seed}`);
        assert.match(faulty.stderr, finding);
        assert.match(faulty.stderr, new RegExp(`kernel ${kernel}.*ROI_STANDIN_SEED=${seed}$`));
      }
    });
  }

  test('a seed repeats what it found', () => {
    const [once, again, other] = [7, 7, 8].map((seed) => check('missing_barrier', true, seed).stderr);
    assert.is(once, again);
    assert.is.not(once?.replace(/=7$/, ''), other?.replace(/=8$/, ''));
  });

  for (const [name, env] of Object.entries(uses)) {
    test(name.replaceAll('_', ' '), () => {
      const { status, stderr } = run('standin_host', [name], env);
      assert.is(status, 0, stderr);
    });
  }

  test('the host cannot dereference memory of a device', () => {
    assert.is(run('standin_host', ['host_dereferences']).signal, 'SIGSEGV');
  });

  test('no device, and failures asked for by the environment', () => {
    const without = run('standin_host', ['calls_fail_on_demand'], { ROI_STANDIN_DEVICES: '0' });
    assert.match(without.stderr, 'init(0): CUDA_ERROR_NO_DEVICE');
    const failing = run('standin_host', ['kernels_reach_pinned_memory'], {
      ROI_STANDIN_FAIL: 'cuMemHostAlloc:1=2',
    });
    assert.match(failing.stderr, 'CUDA_ERROR_OUT_OF_MEMORY');
  });

  test('the log counts launches and findings', () => {
    const folder = mkdtempSync(join(tmpdir(), 'roi-standin-'));
    const log = join(folder, 'log.jsonl');
    run('standin_check', ['ticket_releases_nothing', '0'], { ROI_STANDIN_LOG: log, ROI_STANDIN_SEED: '3' });
    run('standin_check', ['race_on_shared', '1'], { ROI_STANDIN_LOG: log, ROI_STANDIN_SEED: '3' });
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    rmSync(folder, { recursive: true });
    assert.equal(
      lines.map((line) => JSON.parse(line)),
      [
        { launches: 1, blocks: 20, findings: 0, seed: 3 },
        { launches: 1, blocks: 20, findings: 1, seed: 3 },
      ],
    );
  });
}

const test = suite('stand-in');

if (process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)) {
  addTests();
} else {
  console.log(`skipped: the stand-in for the CUDA driver — not for ${process.platform} on ${process.arch}`);
  test.skip('the stand-in for the CUDA driver');
}

test.run();
