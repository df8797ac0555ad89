import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { platformWorld } from './platform.ts';

/** What a browser loads: everything that static imports reach, here and in the protocol. */
function loadedFrom(file: URL, loaded: Map<string, string[]>): Map<string, string[]> {
  if (loaded.has(file.href)) return loaded;
  const source = readFileSync(file, 'utf8');
  const specifiers = [...source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)].map(
    (match) => match[1]!,
  );
  loaded.set(file.href, specifiers);
  for (const specifier of specifiers) {
    if (specifier.startsWith('node:') || specifier === 'ws') continue;
    const target = specifier.startsWith('.')
      ? new URL(specifier, file)
      : pathToFileURL(createRequire(file).resolve(specifier));
    loadedFrom(target, loaded);
  }
  return loaded;
}

test('nothing of Node and no dependency is on the way of a browser', () => {
  const loaded = loadedFrom(new URL('./index.js', import.meta.url), new Map());
  assert.ok(loaded.size > 30);
  for (const [file, specifiers] of loaded) {
    const foreign = specifiers.filter(
      (name) => !/^(?:\.|@clockwise\/(?:kernel|protocol|record)\/)/.test(name),
    );
    assert.equal(foreign, [], file);
  }
});

test('the end of a tick comes behind microtasks', async () => {
  const world = await platformWorld();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    world.atEndOfTick(() => {
      order.push('end of tick');
      resolve();
    });
    void Promise.resolve()
      .then(() => order.push('microtask'))
      .then(() => order.push('another'));
  });
  assert.equal(order, ['microtask', 'another', 'end of tick']);
});

test.run();
