/**
 * The main job on real input: a part of Debian's package index goes in while a node is killed and
 * started again, and comes out byte for byte.
 * runner: alone
 * runner: limit 90s
 * runner: test limit 60s
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DevCluster, until, type Running } from '../cli/cli-process.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CONVERTER = path.join(ROOT, 'bench/dist/datasets/apt-dumpavail.js');
const DUMP = path.join(ROOT, 'test/fixtures/apt-dumpavail/dumpavail.txt');
/** What the fixture holds above the 10 KiB that a value may have. */
const TOO_LARGE = ['gstreamer1.0-plugins-bad', 'librust-trust-dns-proto-dev', 'med-bio'];
/** Each record under so many keys: enough for a node to die in the middle. */
const COPIES = 20;

const cluster = new DevCluster();
const mainJob = suite('import and export of a real collection');
mainJob.before(async () => {
  await cluster.start();
});
mainJob.after(() => cluster.dispose());

mainJob('a node dies and comes back during an import: every record is there', async () => {
  const lines = copiesOf(converted());
  const [first, second, third] = thirdsOf(lines);
  const importing = cluster.command('import', '-o', 'json');
  await feed(importing, first);
  process.kill(cluster.nodeProcess('n2'), 'SIGKILL');
  await feed(importing, second);
  await until('the loss is told', 10_000, () => cluster.starter.error.includes('start --node n2'));
  const restarted = await cluster.run('start', '--node', 'n2', '--detach');
  assert.is(restarted.code, 0, restarted.error);
  await feed(importing, third);
  importing.input.end();
  const imported = await importing.ended();
  const refused = lines.filter((line) => TOO_LARGE.includes(nameOf(line)));
  assert.is(refused.length, TOO_LARGE.length * COPIES);
  const summary = JSON.parse(imported.out) as Record<string, unknown>;
  assert.equal(
    { ...summary, seconds: 0, recordsPerSecond: 0, bytes: 0, failures: [] },
    {
      ...{ records: lines.length - refused.length, bytes: 0, failed: refused.length },
      ...{ respelled: 0, expired: 0, seconds: 0, recordsPerSecond: 0 },
      ...{ complete: true, ended: null, failures: [] },
    },
    imported.error,
  );
  assert.is(imported.code, 1, 'records were refused');
  for (const line of refused) {
    const { key } = JSON.parse(line) as { key: string };
    assert.match(imported.error, new RegExp(`key "${key}": not loaded: VALUE_TOO_LARGE`));
  }
  await exportsExactly(lines.filter((line) => !refused.includes(line)));
});

mainJob('the same import once more changes nothing', async () => {
  const lines = copiesOf(converted());
  const importing = cluster.command('import');
  await feed(importing, lines);
  importing.input.end();
  const imported = await importing.ended();
  assert.is(imported.code, 1);
  assert.match(imported.out, /records loaded/);
  await exportsExactly(lines.filter((line) => !TOO_LARGE.includes(nameOf(line))));
});

async function exportsExactly(expected: readonly string[]): Promise<void> {
  const file = path.join(cluster.folder, 'export.ndjson');
  const exported = await cluster.run('export', file, '--force');
  assert.is(exported.code, 0, exported.error);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const missing = new Set(expected);
  const unexpected = lines.filter((line) => !missing.delete(line));
  assert.equal([...missing], [], 'lines that are missing');
  assert.equal(unexpected, [], 'lines that nobody imported');
}

function converted(): readonly string[] {
  const { status, stdout } = spawnSync(process.execPath, [CONVERTER, DUMP], { encoding: 'utf8' });
  assert.is(status, 0);
  return stdout.trimEnd().split('\n');
}

function copiesOf(lines: readonly string[]): readonly string[] {
  return Array.from({ length: COPIES }, (_, copy) =>
    lines.map((line) => line.replace('{"key":"', `{"key":"${copy}/`)),
  ).flat();
}

function thirdsOf(lines: readonly string[]): [string[], string[], string[]] {
  const third = Math.ceil(lines.length / 3);
  return [lines.slice(0, third), lines.slice(third, 2 * third), lines.slice(2 * third)];
}

async function feed(importing: Running, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    if (!importing.input.write(`${line}\n`)) await once(importing.input, 'drain');
  }
}

function nameOf(line: string): string {
  const { key } = JSON.parse(line) as { key: string };
  return key.slice(key.indexOf('/') + 1);
}

mainJob.run();
