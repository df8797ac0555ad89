import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckoutCopy } from './checkout-copy.ts';
import { parseBug } from './patch-text.ts';

const FILE = 'packages/a/src/a.ts';
const PATCH = [
  'bug: two for one',
  'command: node a.test.js',
  '',
  `--- a/${FILE}`,
  `+++ b/${FILE}`,
  '@@ -1,1 +1,1 @@',
  '-one',
  '+two',
  '',
].join('\n');

test('[CC1] [CC2] a patch changes the copy alone, and is gone again, also where it does not apply', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'clockwise-checkout-'));
  mkdirSync(path.join(root, path.dirname(FILE)), { recursive: true });
  mkdirSync(path.join(root, 'node_modules'));
  writeFileSync(path.join(root, FILE), 'one\n');
  const patchFile = path.join(root, 'a.patch');
  writeFileSync(patchFile, PATCH);
  const copy = new CheckoutCopy(root, 10_000);
  const copied = (): string => readFileSync(path.join(copy.folder, FILE), 'utf8');
  const bug = parseBug('a', PATCH);
  const seen = copy.withPatch(bug, patchFile, ({ exitCode }) => [exitCode, copied()]);
  assert.equal(seen, [0, 'two\n']);
  assert.is(copied(), 'one\n');
  assert.throws(() =>
    copy.withPatch(bug, patchFile, () => {
      throw new Error('judge died');
    }),
  );
  assert.is(copied(), 'one\n');
  writeFileSync(path.join(copy.folder, FILE), 'three\n');
  assert.is.not(
    copy.withPatch(bug, patchFile, ({ exitCode }) => exitCode),
    0,
  );
  assert.is(copied(), 'three\n');
  assert.not.ok(existsSync(path.join(copy.folder, `${FILE}.rej`)));
  assert.is(readFileSync(path.join(root, FILE), 'utf8'), 'one\n');
  copy.remove();
  assert.not.ok(existsSync(copy.folder));
  rmSync(root, { recursive: true });
});

test.run();
