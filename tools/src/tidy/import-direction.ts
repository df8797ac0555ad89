// Imports point down only (DESIGN.md, section 1), stay inside the package when they are relative,
// and name nothing that the package's package.json does not.
import { referencesOf, targetOf, type Reference } from './imports.ts';
import { LAYERS } from './layers.ts';
import type { Finding, Manifest, Rule, SourceFile, Tree } from './tree.ts';

const SCOPE = '@clockwise/';
/** Everything here serves tests, and may use what the root installs for them. */
const TEST_FOLDERS = ['test', 'tools'];

export const importDirection: Rule = {
  name: 'import-direction',
  check(tree: Tree): readonly Finding[] {
    const root = tree.manifests.find((manifest) => manifest.folder === '');
    const manifests = new Map(tree.manifests.map((manifest) => [manifest.folder, manifest]));
    return [
      ...tree.manifests.flatMap(checkManifest),
      ...tree.sources.flatMap((file) =>
        referencesOf(file)
          .filter((reference) => reference.kind === 'import')
          .flatMap((reference) => checkImport(file, reference, manifests.get(file.folder), root)),
      ),
    ];
  },
};

function checkManifest(manifest: Manifest): Finding[] {
  if (manifest.folder === '') return [];
  const allowed = LAYERS[manifest.folder];
  if (allowed === undefined) {
    return [{ path: manifest.path, line: 0, message: 'the package has no place in the layers' }];
  }
  return manifest.dependencies
    .filter((name) => name.startsWith(SCOPE) && !allowed.includes(name.slice(SCOPE.length)))
    .map((name) => ({ path: manifest.path, line: 0, message: `may not depend on ${name}` }));
}

function checkImport(
  file: SourceFile,
  { specifier, line }: Reference,
  manifest: Manifest | undefined,
  root: Manifest | undefined,
): Finding[] {
  const refuse = (message: string): Finding[] => [{ path: file.path, line, message }];
  if (specifier.startsWith('.')) return checkRelative(file, specifier, refuse);
  if (specifier.startsWith('node:')) return []; // Purity decides where these may stand.
  const declared = manifest?.dependencies ?? [];
  if (specifier.startsWith(SCOPE)) {
    const name = specifier.split('/')[1] ?? '';
    if (LAYERS[file.folder]?.includes(name) !== true) return refuse(`may not import ${specifier}`);
    return declared.includes(SCOPE + name) ? [] : refuse(`${SCOPE}${name} is not in package.json`);
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (declared.includes(name)) return [];
  const isTestCode = file.isTest || TEST_FOLDERS.includes(file.folder);
  if (isTestCode && root?.dependencies.includes(name) === true) return [];
  return refuse(`${name} is not in package.json`);
}

function checkRelative(
  file: SourceFile,
  specifier: string,
  refuse: (message: string) => Finding[],
): Finding[] {
  if (!specifier.endsWith('.ts')) return refuse(`${specifier} must end in .ts`);
  const target = targetOf(file, specifier, () => undefined);
  if (target?.startsWith(`${file.folder}/src/`) === true) return [];
  return refuse(`${specifier} leaves the package: import it by the package's name`);
}
