import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { compileFunction, createContext, runInContext } from 'node:vm';

// The package in a realm of its own, with classes of its own, as each test file has under Jest and vitest's `vmThreads`.

type Require = (name: string) => unknown;

const host = createRequire(__filename);

export class Realm {
  readonly #context = createContext({ process, Buffer, console, structuredClone });
  readonly #modules = new Map<string, { exports: unknown }>();

  /** A module of the package, its files compiled in the realm; the addon and node's own modules are those of the process. */
  readonly require: Require = (name) => this.#load(host.resolve(name));

  /** What a function of the realm's own returns, or throws; `parameters` are in its scope. */
  evaluate<T>(code: string, parameters: { readonly [name: string]: unknown } = {}): T {
    const run = runInContext(
      `(function ({ ${Object.keys(parameters)} }) { return ${code}; })`,
      this.#context,
    );
    return run(parameters);
  }

  #load(path: string): unknown {
    const loaded = this.#modules.get(path);
    if (loaded) return loaded.exports;
    const module = { exports: {} };
    this.#modules.set(path, module);
    const require: Require = (name) =>
      name.startsWith('.') ? this.#load(host.resolve(resolve(dirname(path), name))) : host(name);
    const names = ['exports', 'require', 'module', '__dirname'];
    const run = compileFunction(readFileSync(path, 'utf8'), names, { parsingContext: this.#context });
    run(module.exports, require, module, dirname(path));
    return module.exports;
  }
}
