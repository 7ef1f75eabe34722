import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

// How many CPUs this process may use: those that it may run on, and on Linux no more than its control groups grant it
// time for, as `docker run --cpus` and the CPU limits of Kubernetes set it. Threads beyond that are put to sleep for most
// of each period.

type Read = (path: string) => string | undefined;

/** A line of /proc/self/mountinfo, as far as it is needed (proc_pid_mountinfo(5)). */
interface Mount {
  /** The folder of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Blanks are written as \040. */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [own = '', filesystem = ''] = line.split(' - ');
    const [, , , root, point] = own.split(' ');
    const [type = '', , options = ''] = filesystem.split(' ');
    if (root === undefined || point === undefined) return [];
    return [{ root: unescaped(root), point: unescaped(point), type, options: options.split(',') }];
  });
}

/** The folder of a group and those of its ancestors, as far as they are mounted. */
function foldersOf({ root, point }: Mount, group: string): string[] {
  const isInside = root === '/' || group === root || group.startsWith(`${root}/`);
  const names = (isInside ? group.slice(root === '/' ? 0 : root.length) : '').split('/').filter(Boolean);
  // A group outside of the process's namespace begins with /..; what is above it cannot be seen.
  const seen = names.includes('..') ? [] : names;
  return [point, ...seen.map((_, depth) => join(point, ...seen.slice(0, depth + 1)))];
}

const quotient = (quota: string | undefined, period: string | undefined) => {
  const cpus = Number(quota) / Number(period);
  return cpus > 0 ? cpus : Number.POSITIVE_INFINITY;
};

/** In CPUs; `max`, −1 and a file that is missing are none. */
const quotaReaders = {
  /** "quota period", in microseconds. */
  cgroup2: (read: Read, folder: string) => {
    const [quota, period] = read(join(folder, 'cpu.max'))?.trim().split(' ') ?? [];
    return quotient(quota, period);
  },
  cgroup: (read: Read, folder: string) =>
    quotient(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))),
};

/**
 * The CPUs that the control groups of this process grant it the time of, its own group's and its ancestors' at most;
 * Infinity if they set no bound.
 * @param read the text of a file, undefined if it is not there
 */
export function cpuQuota(read: Read): number {
  const mounts = mountsOf(read('/proc/self/mountinfo') ?? '');
  const quotas = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, id, controllers = '', group = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    const type = id === '0' && controllers === '' ? 'cgroup2' : 'cgroup';
    if (type === 'cgroup' && !controllers.split(',').includes('cpu')) return [];
    const isMount = (mount: Mount) =>
      mount.type === type && (type === 'cgroup2' || mount.options.includes('cpu'));
    return mounts
      .filter(isMount)
      .flatMap((mount) => foldersOf(mount, group).map((folder) => quotaReaders[type](read, folder)));
  });
  return Math.min(...quotas, Number.POSITIVE_INFINITY);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The CPUs that this process may keep busy, at least one: what is over of a quota is no CPU. */
export const usableCpus = () => Math.min(availableParallelism(), Math.max(1, Math.floor(cpuQuota(readText))));
