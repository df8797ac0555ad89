// Files are named after their one concept, in kebab-case. Names that refuse nothing are refused.
import type { Finding, Rule, Tree } from './tree.ts';

const REFUSED = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc']);
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/;
const CLIENT_PUBLIC_FILE = 'packages/client/src/index.ts';

export const names: Rule = {
  name: 'names',
  check(tree: Tree): readonly Finding[] {
    return [
      ...tree.texts.flatMap(({ path }) => checkRefused(path)),
      ...tree.sources.flatMap(({ path }) => checkSource(path)),
    ];
  },
};

function checkRefused(path: string): Finding[] {
  const refused = path.split('/').filter((part) => REFUSED.has(part.split('.')[0] ?? ''));
  return refused.map((part) => ({
    path,
    line: 0,
    message: `"${part}" names nothing: name the concept and put it where it is used`,
  }));
}

function checkSource(path: string): Finding[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === 'index.ts' && path !== CLIENT_PUBLIC_FILE) {
    return [{ path, line: 0, message: 'no barrels: packages export paths' }];
  }
  return KEBAB.test(name) ? [] : [{ path, line: 0, message: 'file names are kebab-case' }];
}
