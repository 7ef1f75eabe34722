// The same module for `import` as for `require`: one copy of its classes and of the addon, however it is loaded.
export * from './index.js';
