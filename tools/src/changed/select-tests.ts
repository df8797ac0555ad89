// Which test files a change asks for: those of the packages it touches, and those elsewhere that
// import a changed file directly. Tests with whole clusters run only when they change themselves:
// they are for the full run. In test/ only the changed tests and direct importers count, for
// that folder is about everything.
import { referencesOf, targetOf } from '../tidy/imports.ts';
import type { SourceFile, Tree } from '../tidy/tree.ts';

const WHOLE_CLUSTERS = 'test/src/cluster/';

export function selectTests(tree: Tree, changed: ReadonlySet<string>): readonly string[] {
  const touched = new Set(
    tree.manifests
      .map((manifest) => manifest.folder)
      .filter((folder) => folder !== '' && folder !== 'test')
      .filter((folder) => [...changed].some((path) => path.startsWith(`${folder}/`))),
  );
  const folders = new Map(
    tree.manifests.map((manifest) => [manifest.folder.split('/').at(-1) ?? '', manifest.folder]),
  );
  const importsChanged = (file: SourceFile): boolean =>
    referencesOf(file).some(({ specifier }) =>
      changed.has(targetOf(file, specifier, (name) => folders.get(name)) ?? ''),
    );
  return tree.sources
    .filter((file) => file.isTest)
    .filter((file) => {
      if (changed.has(file.path) || touched.has(file.folder)) return true;
      return !file.path.startsWith(WHOLE_CLUSTERS) && importsChanged(file);
    })
    .map((file) => file.path);
}
