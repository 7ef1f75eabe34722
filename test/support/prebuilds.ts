import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '..', '..');
export const prebuildsFolder = join(root, 'prebuilds');

/** As `linux-x64/roi-loss.musl.node`. None before `npm run prebuilds`. */
export const prebuilds = existsSync(prebuildsFolder)
  ? readdirSync(prebuildsFolder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.node'))
      .sort()
  : [];

export const noPrebuilds = 'not in prebuilds/; `npm run prebuilds` makes it';

export const hasCommand = (name: string) => spawnSync(name, ['--version']).error === undefined;
