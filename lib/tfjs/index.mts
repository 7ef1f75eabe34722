// The same module for `import` as for `require`.
export * from './index.js';
