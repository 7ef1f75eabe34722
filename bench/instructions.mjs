// Counts the instructions of the innermost loop over a mask's pixels, forward and backward, in the objects that the build
// made, by instruction set: `npm run bench:instructions`. Needs objdump. The loop is the one that divides: two vectors of
// pixels a turn, one division a vector.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const lanes = { avx512: 16, avx2: 8, baseline: 4 };
/** As template arguments: cross-entropy, dice, gradient. */
const loops = { bce: 'true, false, true', dice: 'false, true, true', mixture: 'true, true, true' };

/** [address, mnemonic, operands] of the function whose name holds `pattern`. */
function instructionsOf(object, pattern) {
  const text = execFileSync('objdump', ['-d', '-C', '--no-show-raw-insn', object], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const body = text.split(/\n(?=[0-9a-f]+ <)/).find((part) => part.split('\n')[0].includes(pattern)) ?? '';
  return [...body.matchAll(/^\s+([0-9a-f]+):\s+(\S+)\s*(.*)$/gm)].map(([, address, name, operands]) => [
    Number.parseInt(address, 16),
    name,
    operands,
  ]);
}

/** The shortest loop with two divisions of vectors. */
function loopOf(instructions) {
  const bodies = instructions
    .filter(([, name]) => name.startsWith('j'))
    .map(([end, , operands]) => {
      const begin = Number.parseInt(operands, 16);
      return instructions.filter(([address]) => address >= begin && address <= end);
    })
    .filter((body) => body.filter(([, name]) => /^v?divps/.test(name)).length === 2);
  return bodies.sort((a, b) => a.length - b.length)[0];
}

console.log(
  '| instruction set | loss | instructions | pixels | a pixel |\n| --- | --- | ---: | ---: | ---: |',
);
for (const [simd, width] of Object.entries(lanes)) {
  const object = join(root, `build/Release/CMakeFiles/rows_${simd}.dir/native/cpu/rows.cpp.o`);
  for (const [loss, template] of Object.entries(loops)) {
    const body = loopOf(instructionsOf(object, `mask_sums<${template}>`));
    const count = body?.length ?? Number.NaN;
    console.log(`| ${simd} | ${loss} | ${count} | ${2 * width} | ${(count / 2 / width).toFixed(2)} |`);
  }
}
