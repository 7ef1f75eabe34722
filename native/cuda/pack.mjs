// Compresses a kernel image by Brotli, which Node unpacks: node pack.mjs IMAGE PACKED
import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const [image, packed] = process.argv.slice(2);
const bytes = readFileSync(image);
const params = {
  [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS, // the code for one GPU is much like that for another
  [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
};
writeFileSync(packed, brotliCompressSync(bytes, { params }));
