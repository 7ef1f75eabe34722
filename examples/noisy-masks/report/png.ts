import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';

const fonts = join(dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');

/** PNG pixels for one of the SVG's. */
const zoom = 1.25;

/** An SVG as PNG, the same on every machine: with a font of its own, not the system's. */
export function toPng(svg: string): Uint8Array {
  const fontFiles = readdirSync(fonts)
    .filter((name) => /^DejaVuSans(-Bold)?\.ttf$/.test(name))
    .map((name) => join(fonts, name));
  return new Resvg(svg, {
    fitTo: { mode: 'zoom', value: zoom },
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans' },
  })
    .render()
    .asPng();
}
