import { formatTable } from '../table';
import { markdownTable, writeSection } from './document';
import { allResources, hasCompiler } from './resources';

// `npm run kernels:report`: registers, stack and spills of each kernel on each architecture.

async function main(): Promise<void> {
  if (!hasCompiler()) {
    console.error('The kernels were not built: nvcc was not found. CUDA 13 has it; then `npm run build`.');
    process.exitCode = 1;
    return;
  }
  const resources = await allResources((done, of) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done}/${of}${done === of ? '\n' : ''}`);
  });
  const header = ['kernel', 'sm', 'registers', 'stack', 'spill stores', 'spill loads', 'blocks of 256 an SM'];
  const steps = resources.filter(({ kernel }) => kernel !== 'roi_nothing');
  const rows = steps.map((r) =>
    [r.kernel, r.architecture, r.registers, r.stack, r.spillStores, r.spillLoads, r.blocks].map(String),
  );
  if (process.argv.includes('--write')) writeSection('resources', markdownTable(header, rows));
  console.log(formatTable(header, rows, process.stdout.columns ?? 100));
}

main();
