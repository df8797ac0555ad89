import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const COMMAND = fileURLToPath(new URL('./apt-dumpavail.js', import.meta.url));
const DUMP = fileURLToPath(
  new URL('../../../test/fixtures/apt-dumpavail/dumpavail.txt', import.meta.url),
);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function convert(args: readonly string[], input = ''): Ended {
  return spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8', input });
}

test('a real index becomes a record for each stanza, whether from a file or standard input', () => {
  const dump = readFileSync(DUMP, 'utf8');
  const fromFile = convert([DUMP]);
  assert.is(fromFile.status, 0);
  assert.is(convert([], dump).stdout, fromFile.stdout);
  const stanzas = dump.trimEnd().split('\n\n');
  const lines = fromFile.stdout.trimEnd().split('\n');
  assert.is(lines.length, stanzas.length);
  assert.match(fromFile.stderr, new RegExp(`^${lines.length} records, 0 duplicates`));
  for (const [index, line] of lines.entries()) {
    const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
    assert.is(key, value['Package']);
    const text = Object.entries(value).map(([name, content]) => `${name}: ${content}`);
    assert.is(text.join('\n'), stanzas[index], 'nothing of a stanza is lost');
  }
});

test('what is no index is refused', () => {
  assert.is(convert([], 'not an index\n').status, 1);
  assert.is(convert(['/nowhere/at/all']).status, 1);
  assert.is(convert(['--what']).status, 2);
});

test.run();
