import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import { plainError } from './errors';

// Finds the native addon, loads it and looks at it, and says which of these failed.

interface NodeGypBuild {
  /** Loads the addon of a package's folder. */
  (root: string): unknown;
  /** Its file: of build/Release, else of prebuilds/. Throws where there is none. */
  resolve(root: string): string;
}

/** The package; in a bundle whatever folder is above that of the bundle. */
const root = join(__dirname, '..');

const nativeError = (message: string, cause?: unknown) => plainError('ERR_ROI_LOSS_NATIVE', message, cause);

/** In a realm of its own, under Jest for instance, the loader's errors are no instances of this one's classes. */
const wordsOf = (error: unknown) => (types.isNativeError(error) ? error.message : String(error)).trim();

/** '', or a sentence to go with a message. */
type Hint = string;

function bundleHint(): Hint {
  try {
    if (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name === 'roi-loss') return '';
  } catch {
    // No package of any name.
  }
  return ' Bundled? Keep roi-loss external: it loads a file that no bundle holds.';
}

function libcHere(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? 'glibc' : 'musl';
}

/** The variables by which node-gyp-build takes the binary of another machine. */
function variablesHint(): Hint {
  const here = { LIBC: libcHere(), npm_config_arch: process.arch, npm_config_platform: process.platform };
  const others = Object.entries(here).flatMap(([name, own]) => {
    const value = process.env[name];
    return value && value !== own ? [`${name}=${value}, but this is ${own ?? process.platform}`] : [];
  });
  return others.length > 0 ? ` The environment asks for another binary: ${others.join('; ')}.` : '';
}

function prebuildsHint(): Hint {
  try {
    return ` prebuilds/ is for ${readdirSync(join(root, 'prebuilds')).sort().join(', ')}.`;
  } catch {
    return ' There is no prebuilds/.';
  }
}

interface Permission {
  has(scope: string, reference?: string): boolean;
}

/** What `--permission` does not let it read: some of it throws, some looks as if it were not there. */
function unreadable(cause: unknown): string | undefined {
  const { code, resource } = Object(cause) as { code?: unknown; resource?: string };
  if (code === 'ERR_ACCESS_DENIED') return resource;
  const { permission } = process as { permission?: Permission };
  return permission && !permission.has('fs.read', root) ? root : undefined;
}

function notFound(cause: unknown): Error {
  const path = unreadable(cause);
  if (path !== undefined)
    return nativeError(
      `roi-loss: Node's permissions do not let it read ${path}; expected --allow-fs-read of that and of ${root}/*, ` +
        'and --allow-addons',
      cause,
    );
  const libc = libcHere();
  const platform = `${process.platform}-${process.arch}${libc ? ` (${libc})` : ''}`;
  return nativeError(
    `roi-loss: no native addon for ${platform} in ${root}.${prebuildsHint()}${variablesHint()}` +
      `${bundleHint()} In a clone, \`npm ci\` builds it with CMake and a C++ compiler.`,
    cause,
  );
}

function notLoadable(path: string, cause: unknown): Error {
  const words = wordsOf(cause);
  if ((cause as { code?: unknown })?.code === 'ERR_DLOPEN_DISABLED')
    return nativeError(
      `${words} (roi-loss's, ${path}) Expected neither --no-addons nor --permission without --allow-addons`,
      cause,
    );
  const hint = path.startsWith(join(root, 'prebuilds'))
    ? ' Linux needs glibc 2.28 or newer; with musl elsewhere than on Alpine set LIBC=musl.'
    : ' Was it built on another machine? `npm ci` in a clone builds it anew.';
  return nativeError(`${words} (roi-loss's native addon, ${path})${variablesHint() || hint}`, cause);
}

const functions = ['Device', 'Batch', 'countGpus', 'listGpus'];

function isOurs(addon: unknown): boolean {
  const exported = Object(addon) as { readonly [name: string]: unknown };
  return (
    functions.every((name) => typeof exported[name] === 'function') &&
    Array.isArray(exported.callSlots) &&
    exported.kinds !== undefined
  );
}

/** @throws `ERR_ROI_LOSS_NATIVE` */
export function loadAddon(): unknown {
  let nodeGypBuild: NodeGypBuild;
  let path: string;
  try {
    nodeGypBuild = require('node-gyp-build');
    path = nodeGypBuild.resolve(root);
  } catch (cause) {
    throw notFound(cause);
  }
  let addon: unknown;
  try {
    addon = nodeGypBuild(root);
  } catch (cause) {
    throw notLoadable(path, cause);
  }
  if (!isOurs(addon))
    throw nativeError(`roi-loss: ${path} is the addon of another package or version.${bundleHint()}`);
  return addon;
}
