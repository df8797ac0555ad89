/** What the commands of this package say to somebody who mistypes, or asks. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

function run(
  command: string,
  ...args: string[]
): { status: number | null; out: string; err: string } {
  const file = fileURLToPath(new URL(`${command}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

test('what is not understood is told in one line, with exit code 2, and nothing is run', () => {
  const told = [
    run('sim', '--sedes', '3'),
    run('sim', '--seeds', 'three'),
    run('explore', 'no-such-case'),
    run('storage-proof', '--only', 'nothing'),
    run('chaos', '--kills', '0'),
  ];
  for (const { status, out, err } of told) {
    assert.is(status, 2);
    assert.is(out, '');
    assert.is(err.trimEnd().split('\n').length, 1, err);
  }
  assert.match(told[0]!.err, "Unknown option '--sedes'");
  assert.match(told[1]!.err, '--seeds three: an integer from 1');
});

test('--help prints the usage, and nothing is run', () => {
  const { status, out, err } = run('sim', '--seeds', '1', '--help');
  assert.is(status, 0);
  assert.match(out, 'npm run sim -- --hours 1');
  assert.is(err, '');
});

test.run();
