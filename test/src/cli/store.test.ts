/** `clockwise store` as a person uses it, on a folder of real files. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '@clockwise/cli/command-line';
import { storeCommand } from '@clockwise/cli/commands/store';
import { testTerminal } from '@clockwise/cli/test-terminal';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { lockFolder } from '@clockwise/server/data-folder';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mustOpen, type TestStore } from '../scenarios/store-fixture.ts';

const root = mkdtempSync(path.join(tmpdir(), 'clockwise-store-'));
test.after(() => rmSync(root, { recursive: true }));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function store(...args: string[]): Promise<Said> {
  const terminal = testTerminal({ folder: root });
  const code = await runCommand(storeCommand, args, terminal);
  return { code, out: terminal.out.join(''), error: terminal.errors.join('\n') };
}

/** A node's folder with one shard: 40 keys in two tables, of which ten are newer in the log. */
function makeNode(name: string): { readonly store: TestStore; readonly shard: string } {
  const shard = path.join(root, name, 'shard-0');
  mkdirSync(shard, { recursive: true });
  const made = mustOpen(new NodeDisk(shard));
  for (let key = 1; key <= 40; key += 1) assert.ok(made.put(key, key));
  assert.ok(made.group() && made.sync() && made.flush());
  for (let key = 1; key <= 10; key += 1) assert.ok(made.put(key, -key));
  assert.ok(made.group() && made.log.close().ok);
  return { store: made, shard };
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x40;
  writeFileSync(file, bytes);
}

test('inspect tells levels, files and versions; verify finds no damage in a sound store', async () => {
  makeNode('sound');
  const seen = await store('inspect', 'sound');
  assert.is(seen.code, 0, seen.error);
  assert.match(seen.out, /^store sound\/shard-0$/m);
  assert.match(seen.out, /40 are in tables, 10 more in the log/);
  assert.match(seen.out, /^0 +1 +\S+ bytes +31 +0 +1\/[0-9a-f]{16} - 1\/[0-9a-f]{16} +1 - 31$/m);
  assert.match(seen.out, /^table-00000001 +4 /m);
  const file = await store('inspect', 'sound/shard-0/table-00000001');
  assert.match(file.out, /^table-00000001: table, version 4, \d+ bytes$/m);
  const verified = await store('verify', 'sound');
  assert.equal([verified.code, verified.out], [0, '']);
  assert.match(verified.error, /^\d+ files, .* read: no damage$/);
});

test('[PL1] a folder that a process has open is refused, and read with --force', async () => {
  makeNode('open');
  const lock = lockFolder(path.join(root, 'open'));
  for (const place of ['open', 'open/shard-0', 'open/shard-0/table-00000001']) {
    const refused = await store('verify', place);
    assert.is(refused.code, 4);
    assert.match(refused.error, new RegExp(`process ${process.pid} has ${place} open.*--force`));
    assert.is((await store('verify', place, '--force')).code, 0);
  }
  lock.release();
  assert.is((await store('verify', 'open')).code, 0);
});

test('verify says a line for each damage, and exit code 1', async () => {
  const { shard } = makeNode('damaged');
  flip(path.join(shard, 'table-00000001'), 100);
  flip(path.join(shard, 'table-00000001'), 2000);
  const { code, out, error } = await store('verify', 'damaged');
  assert.is(code, 1);
  const lines = out.trim().split('\n');
  assert.is(lines.length, 2);
  for (const line of lines) assert.match(line, /^block \d+ of table-00000001 .* READ_FAILED$/);
  assert.match(error, /2 damages$/);
});

test('[RSO1] dump gives each key of a store once, newest first in time, in order of tokens', async () => {
  makeNode('dumped');
  const { code, out } = await store('dump', 'dumped', '--json');
  assert.is(code, 0);
  const records = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { token: string; kind: string; from: string });
  assert.is(records.length, 40);
  const tokens = records.map(({ token }) => token);
  assert.equal(tokens, tokens.toSorted());
  assert.is(new Set(tokens).size, 40);
  const logged = records.filter(({ from }) => from === 'log');
  assert.equal(
    [logged.length, new Set(logged.map(({ kind }) => kind))],
    [10, new Set(['tombstone'])],
  );
  const half = await store('dump', 'dumped', '--from', tokens[20]!, '--json', '--limit', '5');
  assert.equal(half.out.trim().split('\n'), out.trim().split('\n').slice(20, 25));
  const text = await store('dump', 'dumped/shard-0/table-00000001');
  assert.is(text.out.trim().split('\n').length, 31);
  assert.match(text.out, /^1\/[0-9a-f]{16} {2}full {2}"/m);
});

test('a log segment is dumped as it was written, with sequences', async () => {
  const { shard } = makeNode('logged');
  const segments = readdirSync(shard).filter((name) => name.startsWith('log-'));
  const last = segments.toSorted().at(-1)!;
  const { code, out } = await store('dump', `logged/shard-0/${last}`, '--json');
  assert.is(code, 0);
  const sequences = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { sequence: number }).sequence);
  assert.ok(sequences.length > 5);
  assert.ok(sequences.every((sequence, index) => sequence === sequences[0]! + index));
  const records = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; key: string });
  const keys = records.map(({ key }) => Buffer.from(key).readInt32LE(0));
  const written = Array.from({ length: 40 }, (_, index) => index + 1);
  assert.equal(keys, [...written, ...written.slice(0, 10)], 'each group says its own');
  const kinds = records.map(({ kind }) => kind);
  assert.equal(new Set(kinds.slice(0, 40)), new Set(['full']));
  assert.equal(new Set(kinds.slice(40)), new Set(['tombstone']));
});

test('verify looks at the files of the node, and passes over what a crash left and nobody names', async () => {
  const { shard } = makeNode('node-files');
  const folder = path.dirname(shard);
  writeFileSync(path.join(shard, 'table-000000ff'), 'half of a table');
  const sound = await store('verify', 'node-files');
  assert.equal([sound.code, sound.out], [0, '']);
  assert.match((await store('inspect', 'node-files')).out, /table-000000ff is named by nothing/);
  writeFileSync(path.join(folder, 'identity.json'), '{');
  writeFileSync(path.join(folder, 'ring-1'), 'no ring');
  writeFileSync(path.join(folder, 'snapshots.json'), '[]');
  const { code, out } = await store('verify', 'node-files');
  assert.is(code, 1);
  assert.match(out, /identity.json cannot be used: it is not whole; .*; the node does not start/);
  assert.match(out, /ring-1 cannot be used: .*; the node does not start/);
  assert.match(out, /snapshots.json cannot be used/);
});

test('a table that was cut, or put in the place of another, is said with what the manifest says', async () => {
  const { store: made, shard } = makeNode('cut');
  for (let key = 50; key <= 60; key += 1) assert.ok(made.put(key, key));
  const [name = ''] = readdirSync(shard).filter((one) => one.startsWith('table-'));
  const bytes = readFileSync(path.join(shard, name));
  writeFileSync(path.join(shard, name), bytes.subarray(0, 1000));
  const cut = await store('verify', 'cut');
  assert.match(
    cut.out,
    new RegExp(`${name} has 1000 bytes, and the manifest says ${bytes.length}`),
  );
  assert.match(cut.out, /a store that names it does not open/);
});

test('[RSO2] damage ends a dump with a word, and a higher --from goes past it', async () => {
  const { shard } = makeNode('torn');
  flip(path.join(shard, 'table-00000001'), 20);
  const whole = await store('dump', 'torn');
  assert.equal([whole.code, whole.out], [1, '']);
  assert.match(whole.error, /block 0 of table-00000001 is damaged; .* --from/);
  const rest = await store('dump', 'torn', '--from', '8000000000000000');
  assert.is(rest.code, 0);
  assert.ok(rest.out.split('\n').length > 10);
});

test('what is no store, or no such action, is said in one line', async () => {
  const leaves = readdirSync(path.join(root, 'sound/shard-0')).find((name) =>
    name.startsWith('leaves'),
  )!;
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['inspect', 'nowhere'], /there is no nowhere/],
    [['inspect', '.'], /holds no store.*a node's data is in \S+/],
    [['melt', 'sound'], /"melt" is none of inspect, verify, dump and copy-snapshot/],
    [['dump', `sound/shard-0/${leaves}`], /holds no records/],
    [['dump', 'sound', '--from', 'xyz'], /--from is a token/],
    [['inspect', 'sound/notes'], /is no file of a store/],
    [['inspect'], /it takes ACTION PATH/],
  ];
  writeFileSync(path.join(root, 'sound', 'identity.json'), '{}');
  writeFileSync(path.join(root, 'sound', 'notes'), 'x');
  for (const [args, pattern] of cases) {
    const { code, out, error } = await store(...args);
    assert.equal([code, out], [2, ''], args.join(' '));
    assert.match(error, pattern);
    assert.is(error.split('\n').length, 1);
  }
});

test.run();
