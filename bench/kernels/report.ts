import { builtImages } from '../../common/images';
import { formatTable } from '../table';
import { markdownTable, writeSection } from './document';
import { allResources } from './resources';

// `npm run kernels:report`: what each kernel takes on each architecture, and how wide it accesses memory.

const widths = [32, 16, 8];

async function main(): Promise<void> {
  if (builtImages().length === 0) {
    console.error(
      'The kernels were not built, as nvcc was not found. CUDA 13 and 11.8 have it; then `npm run build`.',
    );
    process.exitCode = 1;
    return;
  }
  const { resources, code } = await allResources((done, of) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done}/${of}${done === of ? '\n' : ''}`);
  });
  const header = [
    'kernel, sm',
    'CUDA',
    'registers',
    'shared memory',
    'stack',
    'spill stores, loads',
    'local accesses',
    'instructions',
    `loads of ${widths.join(', ')} bytes`,
    `stores of ${widths.join(', ')} bytes`,
    'blocks of 256 an SM',
  ];
  const wide = (counts: ReadonlyMap<number, number>) =>
    widths.map((bytes) => counts.get(bytes) ?? 0).join(', ');
  const rows = resources
    .filter(({ kernel }) => kernel !== 'roi_nothing')
    .map((r) =>
      [
        `${r.kernel}, ${r.architecture}`,
        r.cuda,
        r.registers,
        r.shared,
        r.stack,
        `${r.spillStores}, ${r.spillLoads}`,
        r.local,
        r.instructions,
        wide(r.loads),
        wide(r.stores),
        r.blocks,
      ].map(String),
    );
  const note =
    code === 'SASS'
      ? 'Accesses are counted in the SASS, which cuobjdump prints.'
      : 'Accesses are counted in the PTX, for want of cuobjdump.';
  if (process.argv.includes('--write'))
    writeSection('resources', `${note}\n\n${markdownTable(header, rows)}`);
  console.log(`${formatTable(header, rows, process.stdout.columns ?? 100)}\n\n${note}`);
}

main();
