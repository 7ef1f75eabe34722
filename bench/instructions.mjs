// Counts the instructions of the innermost loops over a mask's pixels, forward and backward, in the objects that the build
// made, by instruction set: `npm run bench:instructions`. Needs objdump. The loop of the first pass is the one that divides,
// a division a vector; the second pass, of dice, is in the functions around it. Both take two vectors of pixels a turn.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const lanes = { avx512: 16, avx2: 8, baseline: 4 };
/** As template arguments: cross-entropy, dice, gradient, smoothing. */
const firstPasses = {
  bce: 'true, false, true, roi::smoothed_bce::Unsmoothed',
  'smoothed-bce': 'true, false, true, roi::smoothed_bce::Smoothing',
  dice: 'false, true, true, roi::smoothed_bce::Unsmoothed',
  mixture: 'true, true, true, roi::smoothed_bce::Smoothing',
};
/** By length: that of a mixture reads one row more. */
const secondPasses = ['dice', 'mixture'];

/** The functions of an object, each a name and its instructions: [address, mnemonic, operands]. */
function functionsOf(object) {
  const text = execFileSync('objdump', ['-d', '-C', '--no-show-raw-insn', object], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return text.split(/\n(?=[0-9a-f]+ <)/).map((part) => ({
    name: part.split('\n')[0],
    instructions: [...part.matchAll(/^\s+([0-9a-f]+):\s+(\S+)\s*(.*)$/gm)].map(
      ([, address, name, operands]) => [Number.parseInt(address, 16), name, operands],
    ),
  }));
}

/** The loops of functions that `belongs`, the shortest first. */
function loopsOf(functions, belongs) {
  const loops = functions
    .filter(({ name }) => belongs(name))
    .flatMap(({ instructions }) =>
      instructions
        .filter(([, name]) => name.startsWith('j'))
        .map(([end, , operands]) => {
          const begin = Number.parseInt(operands, 16);
          return instructions.filter(([address]) => address >= begin && address <= end);
        }),
    );
  return loops.sort((a, b) => a.length - b.length);
}

const count = (loop, isOne) => loop.filter(isOne).length;
const isDivision = ([, name]) => /^v?divps/.test(name);
const isStore = ([, name, operands]) =>
  /^v?mov([au]ps|dq[au])/.test(name) && /,(0x[0-9a-f]+)?\(/.test(operands);

console.log(
  '| instruction set | loss | first pass | second pass | pixels | a pixel |\n| --- | --- | ---: | ---: | ---: | ---: |',
);
for (const [simd, width] of Object.entries(lanes)) {
  const object = join(root, `build/Release/CMakeFiles/rows_${simd}.dir/native/cpu/rows.cpp.o`);
  const functions = functionsOf(object);
  const seconds = loopsOf(functions, (name) => /::mask(_loss)?[(<]/.test(name)).filter(
    (loop) => count(loop, isStore) === 2 && count(loop, isDivision) === 0,
  );
  for (const [loss, template] of Object.entries(firstPasses)) {
    const [first] = loopsOf(functions, (name) => name.includes(`mask_sums<${template}>`)).filter(
      (loop) => count(loop, isDivision) === 2,
    );
    const second = seconds[secondPasses.indexOf(loss)]?.length ?? 0;
    // The compiler may have torn a loop apart, so that it is not found.
    const sum = first && first.length + second;
    console.log(
      `| ${simd} | ${loss} | ${first?.length ?? '?'} | ${second || '–'} | ${2 * width} | ${sum ? (sum / 2 / width).toFixed(2) : '?'} |`,
    );
  }
}
