// Puts nvcc 11.8 into build/old-cuda, where CMake finds it: its kernels run under drivers from 450 on. It comes from
// non-free of Debian 12, with the g++ that it needs, by apt and beside the system: no package is installed and no list of
// apt's is changed. 900 MB are downloaded, 315 MB kept. Where that cannot be, it says why, and the build does without.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const release = 'bookworm';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Packages, each with the folders of its that are needed. */
const packages = {
  'nvidia-cuda-toolkit': ['./usr/bin', './usr/lib/nvidia-cuda-toolkit'],
  'nvidia-cuda-dev': ['./usr/include'], // the rest is 2.7 GB of libraries
  'g++-11': ['./usr/bin', './usr/lib'],
  'gcc-11': ['./usr/bin', './usr/lib'],
  'cpp-11': ['./usr/bin', './usr/lib'],
  'libgcc-11-dev': ['./usr/lib'],
  'libstdc++-11-dev': ['./usr/include', './usr/lib'],
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'old-cuda');
const unfinished = `${folder}.new`;

/** Runs a command. Throws the last lines of its output if it fails. */
function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (status === 0) return stdout;
  const words = error?.message ?? `${stdout}${stderr}`.trim().split('\n').slice(-3).join('\n');
  throw new Error(`${command} ${args[0]}: ${words}`);
}

/** Where this system has Debian's packages from. */
function repository() {
  const line = run('apt-get', ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(REPO_URI)'])
    .split('\n')
    .map((line) => line.split(' '))
    .find(([name, component]) => name === release && component === 'main');
  if (!line) throw new Error(`apt has no source of Debian's ${release}`);
  return line[2];
}

function download() {
  const apt = join(unfinished, 'apt');
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, name), { recursive: true });
  const sources = join(apt, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${keyring}] ${repository()} ${release} main non-free\n`);
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${join(apt, 'lists')}`,
    `Dir::Cache=${apt}`,
    'APT::Update::Error-Mode=any',
    'Acquire::http::Timeout=30',
  ].flatMap((option) => ['-o', option]);
  run('apt-get', [...options, 'update']);
  run('apt-get', [...options, 'download', ...Object.keys(packages)], { cwd: apt });
  return apt;
}

function unpack(apt) {
  for (const file of readdirSync(apt).filter((name) => name.endsWith('.deb'))) {
    const folders = packages[file.split('_')[0]].map((name) => `'${name}'`).join(' ');
    run('sh', ['-c', `dpkg-deb --fsys-tarfile '${file}' | tar x -C '${unfinished}' ${folders}`], {
      cwd: apt,
    });
  }
  rmSync(apt, { recursive: true });
}

/** What the packages have for /usr, made to work where it lies. */
function relocate() {
  const nvcc = join(unfinished, 'usr/bin/nvcc');
  rmSync(nvcc);
  writeFileSync(
    nvcc,
    `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/../lib/nvidia-cuda-toolkit/bin/nvcc" -ccbin "$here/g++-11" "$@"
`,
  );
  chmodSync(nvcc, 0o755);
  const profile = join(unfinished, 'usr/lib/nvidia-cuda-toolkit/bin/nvcc.profile');
  rmSync(profile);
  writeFileSync(
    profile,
    `NVVMIR_LIBRARY_DIR = $(_HERE_)/../libdevice
PATH += $(_HERE_):$(_HERE_)/../../../bin:
INCLUDES += "-I$(_HERE_)/../../../include"
`,
  );
}

/** Whether it compiles: it needs libc's headers, an assembler and libraries that only a system with a compiler has. */
function tryOut() {
  const source = join(unfinished, 'try.cu');
  writeFileSync(
    source,
    '#include <cuda_bf16.h>\n#include <type_traits>\n__global__ void f(float* p) { *p = 1; }\n',
  );
  const options = ['-std=c++17', '-arch=sm_75', '-fatbin', source, '-o', `${source}.fatbin`];
  run(join(unfinished, 'usr/bin/nvcc'), options);
  for (const file of [source, `${source}.fatbin`]) rmSync(file);
}

function main() {
  if (process.env.ROI_LOSS_OLD_NVCC || existsSync(folder)) return;
  const start = performance.now();
  rmSync(unfinished, { recursive: true, force: true });
  try {
    if (process.arch !== 'x64' || !existsSync(keyring)) throw new Error('this is not Debian on x64');
    unpack(download());
    relocate();
    tryOut();
    renameSync(unfinished, folder);
    console.log(`build/old-cuda: nvcc 11.8, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    console.log(
      `No nvcc 11.8, so GPUs below compute capability 10.0 will need the driver of CUDA 13: ${error.message}`,
    );
  }
}

main();
