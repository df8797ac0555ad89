// Every file has a use: another file than its own test names it, or it is where something starts.
// Starts are: binaries and scripts of a package.json, the server's workers and pool jobs, the
// client's public file, and what a plain script (.mjs, .ci/run) names.
import { referencesOf, targetOf } from './imports.ts';
import type { Finding, Manifest, Rule, SourceFile, Tree } from './tree.ts';

const STARTS = [
  /^packages\/server\/src\/(?:workers|pool)\//,
  /^packages\/client\/src\/index\.ts$/,
  /\.test\.ts$/,
];

export const deadFiles: Rule = {
  name: 'dead-files',
  check(tree: Tree): readonly Finding[] {
    const scripts = tree.texts.filter((file) => /\.mjs$|^\.ci\//.test(file.path));
    const alive = new Set([
      ...namedByManifests(tree.manifests),
      ...scripts.flatMap((file) => compiledNames(file.text)),
      ...namedBySources(tree),
    ]);
    return tree.sources
      .filter((file) => !alive.has(file.path) && !STARTS.some((start) => start.test(file.path)))
      .map((file) => ({
        path: file.path,
        line: 0,
        message: 'nothing but its own test uses it, and nothing starts there',
      }));
  },
};

function namedBySources(tree: Tree): string[] {
  const folders = new Map(
    tree.manifests.map((manifest) => [manifest.folder.split('/').at(-1) ?? '', manifest.folder]),
  );
  return tree.sources.flatMap((file) =>
    referencesOf(file)
      .flatMap(
        (reference) => targetOf(file, reference.specifier, (name) => folders.get(name)) ?? [],
      )
      .filter((target) => target !== file.path && !isTestOf(file, target)),
  );
}

function isTestOf(file: SourceFile, target: string): boolean {
  return file.path === target.replace(/\.ts$/, '.test.ts');
}

function namedByManifests(manifests: readonly Manifest[]): string[] {
  return manifests.flatMap(({ folder, binaries, scripts }) => {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...binaries, ...scripts]
      .flatMap(compiledNames)
      .map((name) => prefix + name.replace(/^\.\//, ''));
  });
}

/** The sources of the compiled files that a text names. */
function compiledNames(text: string): readonly string[] {
  return (text.match(/[\w./-]*\bdist\/[\w./-]+\.js\b/g) ?? []).map((name) =>
    name.replace(/\bdist\//, 'src/').replace(/\.js$/, '.ts'),
  );
}
