// The module hook behind many-runs.ts: it runs in the thread of Node's loader.
import type { ResolveHook } from 'node:module';

const MANY_RUNS = new URL('./fast-check-many-runs.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, nextResolve) =>
  specifier === 'fast-check' && context.parentURL !== MANY_RUNS
    ? { url: MANY_RUNS, shortCircuit: true }
    : nextResolve(specifier, context);
