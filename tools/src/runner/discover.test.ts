import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { discover } from './discover.ts';

let root = '';

function write(name: string, text: string): void {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

test.before.each(() => {
  root = mkdtempSync(path.join(tmpdir(), 'discover-'));
  write('packages/actors/one/src/deep/core.test.ts', '// runner: limit 120s\n');
  write('packages/actors/one/dist/deep/core.test.js', '');
  write('test/src/cluster/kill.test.ts', '');
  write('test/dist/cluster/kill.test.js', '');
});
test.after.each(() => rmSync(root, { recursive: true }));

test('finds every source test and where its compiled file lies', () => {
  const { files, faults } = discover(root, []);
  assert.equal(faults, []);
  assert.equal(
    files.map((file) => [file.name, path.relative(root, file.compiled), file.alone, file.fileMs]),
    [
      [
        'packages/actors/one/src/deep/core.test.ts',
        'packages/actors/one/dist/deep/core.test.js',
        false,
        120_000,
      ],
      ['test/src/cluster/kill.test.ts', 'test/dist/cluster/kill.test.js', true, 60_000],
    ],
  );
});

test('a source without its compiled file is a fault', () => {
  write('bench/src/new.test.ts', '');
  assert.match(
    discover(root, []).faults.join('\n'),
    /bench\/src\/new\.test\.ts has no compiled file/,
  );
});

test('a compiled file without its source is not run', () => {
  write('test/dist/gone.test.js', '');
  assert.is(discover(root, []).files.length, 2);
});

test('a pattern chooses files, and one that matches nothing is a fault', () => {
  const { files, faults } = discover(root, ['cluster/', 'no-such-file']);
  assert.equal(
    files.map((file) => file.name),
    ['test/src/cluster/kill.test.ts'],
  );
  assert.equal(faults, ['the pattern "no-such-file" matches no test file']);
});

test('a file that asks for it is run in full runs, or when it is named', () => {
  write('test/src/cluster/many-kills.test.ts', '// runner: full\n');
  write('test/dist/cluster/many-kills.test.js', '');
  const names = (patterns: string[], isFull = false): string[] =>
    discover(root, patterns, isFull).files.map((file) => path.basename(file.name));
  assert.equal(names([]), ['core.test.ts', 'kill.test.ts']);
  assert.equal(names(['cluster/']), ['kill.test.ts']);
  assert.equal(names(['many-kills']), ['many-kills.test.ts']);
  assert.equal(names([], true), ['core.test.ts', 'kill.test.ts', 'many-kills.test.ts']);
});

test('a tree without tests is a fault', () => {
  rmSync(path.join(root, 'packages'), { recursive: true });
  rmSync(path.join(root, 'test'), { recursive: true });
  assert.match(discover(root, []).faults.join('\n'), /no test file at all/);
});

test('a file that asks properties has a seed of its own, always the same', () => {
  const asking = "import fc from 'fast-check';\n";
  for (const name of ['a', 'b']) {
    write(`packages/actors/one/src/${name}.test.ts`, asking);
    write(`packages/actors/one/dist/${name}.test.js`, '');
  }
  const seeds = (): (number | undefined)[] =>
    discover(root, ['one']).files.map(({ propertySeed }) => propertySeed);
  const [first, second, none] = seeds();
  assert.ok(Number.isInteger(first) && Number.isInteger(second));
  assert.is.not(first, second);
  assert.is(none, undefined);
  assert.equal(seeds(), [first, second, none]);
});

test.run();
