// Shared memory stays in the few packages that prove what they do with it. A core sees neither
// Atomics nor rings: the world resolves descriptors before the step.
import { ATOMICS_FOLDERS, SHARED_MEMORY_FOLDERS } from './layers.ts';
import { lineAt, type Finding, type Rule, type Tree } from './tree.ts';

export const sharedMemory: Rule = {
  name: 'shared-memory',
  check(tree: Tree): readonly Finding[] {
    return [
      ...uses(tree, /\bnew\s+SharedArrayBuffer\b/g, SHARED_MEMORY_FOLDERS, 'SharedArrayBuffer'),
      ...uses(tree, /(?<![.\w$])Atomics\b/g, ATOMICS_FOLDERS, 'Atomics'),
    ];
  },
};

function uses(tree: Tree, pattern: RegExp, allowed: ReadonlySet<string>, name: string): Finding[] {
  return tree.sources
    .filter((file) => file.folder.startsWith('packages/') && !file.isTest)
    .filter((file) => !allowed.has(file.folder))
    .flatMap((file) =>
      [...file.code.matchAll(pattern)].map((match) => ({
        path: file.path,
        line: lineAt(file.code, match.index),
        message: `${name} may be used only in ${[...allowed].join(', ')}`,
      })),
    );
}
