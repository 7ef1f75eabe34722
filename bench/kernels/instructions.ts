/**
 * The instructions of each kernel in a cubin, which is an ELF file of 64 bits with a section `.text.KERNEL` for each: 16
 * bytes an instruction, with those that fill the section up.
 */
export function countInstructions(cubin: Buffer): Map<string, number> {
  const long = (at: number) => Number(cubin.readBigUInt64LE(at));
  const [sections, bytesOfHeader] = [long(0x28), cubin.readUInt16LE(0x3a)];
  const header = (i: number) => sections + i * bytesOfHeader;
  const names = long(header(cubin.readUInt16LE(0x3e)) + 0x18);
  const found = new Map<string, number>();
  for (let i = 0; i < cubin.readUInt16LE(0x3c); i++) {
    const name = names + cubin.readUInt32LE(header(i));
    const [, kernel] = /^\.text\.(\w+)$/.exec(cubin.toString('latin1', name, cubin.indexOf(0, name))) ?? [];
    if (kernel) found.set(kernel, long(header(i) + 0x20) / 16);
  }
  return found;
}
