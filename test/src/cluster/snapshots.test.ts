/**
 * Snapshots of a running node, as an operator takes them: made under writes, copied, and a node started
 * on the copy (F24, A8).
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '@clockwise/cli/command-line';
import { snapshotCommand } from '@clockwise/cli/commands/snapshot';
import { storeCommand } from '@clockwise/cli/commands/store';
import { askNodes } from '@clockwise/cli/snapshot/ask-nodes';
import { testTerminal } from '@clockwise/cli/test-terminal';
import { connect, type Database } from '@clockwise/client';
import type { Command } from '@clockwise/cli/command';
import type { Identity } from '@clockwise/server/data-folder';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from './chaos/cleanup.ts';
import { missingForSmallDisks, SmallDisk } from './chaos/small-disk.ts';
import { makeCluster, type TestCluster, type TestNode } from './test-node.ts';

const KEYS = Array.from({ length: 6000 }, (_, index) => `key-${index}`);
const SHARDS = 2;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function say(command: Command, ...args: readonly string[]): Promise<Said> {
  const terminal = testTerminal({ folder: '/' });
  const code = await runCommand(command, args, terminal);
  return { code, out: terminal.out.join(''), error: terminal.errors.join('\n') };
}

/** Asks the cluster of this node. */
function snapshot(node: TestNode, ...args: readonly string[]): Promise<Said> {
  return say(snapshotCommand, ...args, '--connect', node.address);
}

function json(said: Said): { ok: boolean; nodes: Record<string, unknown>[] } {
  return JSON.parse(said.out) as { ok: boolean; nodes: Record<string, unknown>[] };
}

async function withDatabase<Result>(
  node: TestNode,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await connect({ servers: [node.address] });
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

async function putAll(node: TestNode, keys: readonly string[], value: string): Promise<void> {
  await withDatabase(node, async (database) => {
    const entries = keys.map((key) => [key, `${value} ${key} ${'x'.repeat(500)}`] as const);
    const results = await database.bucket().putMany(entries, { timeoutMs: 60_000 });
    assert.ok(results.every((result) => result.ok));
  });
}

/** Of each key: the word that its value begins with; undefined: it is not there. */
async function wordsOf(
  node: TestNode,
  keys: readonly string[],
): Promise<readonly (string | undefined)[]> {
  return withDatabase(node, async (database) => {
    const results = await database.bucket().getMany(keys, { timeoutMs: 60_000 });
    return results.map((result) => {
      if (!result.ok) throw result.error;
      const { value } = result.result;
      return typeof value === 'string' ? value.split(' ', 1)[0] : undefined;
    });
  });
}

function identityOf(folder: string): Identity {
  return JSON.parse(readFileSync(path.join(folder, 'identity.json'), 'utf8')) as Identity;
}

/** All incarnations that made a dot of what is in the folder. */
async function incarnationsIn(folder: string): Promise<ReadonlySet<string>> {
  const { code, out, error } = await say(storeCommand, 'dump', folder, '--json');
  assert.is(code, 0, error);
  const dots = out.matchAll(/"dot":"([0-9a-f]{16}):/g);
  return new Set([...dots].map((match) => match[1]!));
}

function snapshotFiles({ folder }: TestNode): readonly string[] {
  return Array.from({ length: SHARDS }, (_, shard) => path.join(folder, `shard-${shard}`))
    .flatMap((shard) => readdirSync(shard))
    .filter((name) => name.startsWith('snapshot-'));
}

async function pinnedBytes(node: TestNode): Promise<number> {
  const { figures } = await node.status();
  return [0, 1].reduce(
    (sum, shard) => sum + Number(figures[`replica-${shard}`]!['pinnedBytes']),
    0,
  );
}

const snapshots = suite<{ cluster: TestCluster }>('snapshots of a node');
snapshots.before.each(async (context) => {
  context.cluster = await makeCluster(1, { shards: SHARDS });
});
snapshots.after.each(({ cluster }) => cluster.dispose());

snapshots(
  'F24 A8 a node started on a copy serves what was there at the snapshot, and mints no dot of its original',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    await node.start();
    await putAll(node, KEYS, 'old');
    // Writes go on while it is made: every one that was answered before is in it.
    const made = new AbortController();
    const writing = (async () => {
      for (let round = 0; !made.signal.aborted; round += 1) {
        await putAll(node, [`during-${round}`, KEYS[round % 100]!], 'new');
      }
    })();
    const created = await snapshot(node, 'create', 'monday', '-o', 'json');
    made.abort();
    await writing;
    assert.is(created.code, 0, created.error);
    const [own] = json(created).nodes as [{ snapshot: { shards: { sequence: number }[] } }];
    assert.is(own.snapshot.shards.length, SHARDS);
    assert.ok(own.snapshot.shards.every(({ sequence }) => sequence > 2000));

    await putAll(node, KEYS, 'new');
    await putAll(node, ['later'], 'new');
    await withDatabase(node, (database) => database.bucket().delete(KEYS[0]!));
    const target = path.join(path.dirname(node.folder), 'copy');
    const source = path.join(node.folder, 'monday');
    const copied = await say(storeCommand, 'copy-snapshot', source, target);
    assert.is(copied.code, 0, copied.error);
    assert.match(copied.out, /is node n1 as of .*monday, every byte checked/);
    const again = await say(storeCommand, 'copy-snapshot', source, target);
    assert.is(again.code, 4);
    assert.match(again.error, /is there, and nothing is written over/);
    const [original, copy] = [identityOf(node.folder), identityOf(target)];
    assert.ok(copy.diskId !== original.diskId, 'another disk');
    assert.equal(copy, { ...original, diskId: copy.diskId, opened: true });
    assert.is((await say(storeCommand, 'verify', target)).code, 0);
    await node.signal('SIGTERM');

    const restored = node.twin(target);
    await restored.start();
    try {
      const words = await wordsOf(restored, KEYS);
      assert.ok(words.slice(100).every((word) => word === 'old'));
      assert.ok(words.every((word) => word !== undefined));
      assert.equal(await wordsOf(restored, ['later']), [undefined]);
      await putAll(restored, KEYS.slice(0, 500), 'restored');
      assert.is((await restored.status()).healthy, true);
    } finally {
      await restored.signal('SIGTERM');
    }
    const [before, inCopy] = [await incarnationsIn(node.folder), await incarnationsIn(target)];
    const minted = [...inCopy].filter((incarnation) => !before.has(incarnation));
    assert.is(minted.length, SHARDS, 'an incarnation of its own for each shard');

    await node.start();
    const words = await wordsOf(node, KEYS.slice(1));
    assert.ok(words.every((word) => word === 'new'));
    assert.equal(await wordsOf(node, ['later', KEYS[0]!]), ['new', undefined]);
  },
);

snapshots(
  'snapshots are listed, hold files alive, outlive a restart, and are dropped; refusals have codes',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    await node.start();
    await putAll(node, KEYS.slice(0, 3000), 'old');
    assert.is(await pinnedBytes(node), 0);
    assert.match((await snapshot(node, 'list')).out, /^n1: no snapshots$/m);
    const created = await snapshot(node, 'create', 'monday', '--node', 'n1');
    assert.is(created.code, 0, created.error);
    assert.match(created.out, /^n1 +1 +[\d,]+ +\d+ +\S+ \S+$/m);
    assert.match(created.out, new RegExp(`^n1: monday is ${node.folder}/snapshot-00000001$`, 'm'));
    assert.ok((await pinnedBytes(node)) > 0);
    const metrics = await fetch(`http://127.0.0.1:${node.member.ports.admin}/metrics`);
    assert.match(await metrics.text(), /clockwise_replica_pinned_bytes\{[^}]*\} [1-9]/);

    const taken = await snapshot(node, 'create', 'monday');
    assert.is(taken.code, 4);
    assert.match(taken.error, /^n1: NAME_TAKEN: .*Next: .*snapshot list/);
    for (const args of [
      ['create', 'a/b'],
      ['melt'],
      ['drop'],
      ['list', 'monday'],
      ['create', 'x', '--node', 'n9'],
    ]) {
      assert.is((await snapshot(node, ...args)).code, 2, args.join(' '));
    }
    // One without a name is named by the time.
    assert.is((await snapshot(node, 'create')).code, 0);
    const absent = await snapshot(node, 'drop', 'friday');
    assert.is(absent.code, 1);
    assert.match(absent.error, /NO_SUCH_SNAPSHOT/);

    await node.signal('SIGKILL');
    const gone = await snapshot(node, 'list');
    assert.is(gone.code, 3);
    await node.start();
    const listed = json(await snapshot(node, 'list', '-o', 'json'));
    const [{ snapshots: there }] = listed.nodes as [
      { snapshots: { name: string; state: string }[] },
    ];
    assert.equal(
      there.map(({ state }) => state),
      ['made', 'made'],
    );
    assert.is(there[0]!.name, 'monday');
    assert.match(there[1]!.name, /^\d{8}-\d{6}$/);
    for (const { name } of there) {
      const dropped = await snapshot(node, 'drop', name);
      assert.equal([dropped.code, dropped.out], [0, `n1: ${name} is dropped\n`]);
    }
    assert.equal([snapshotFiles(node), await pinnedBytes(node)], [[], 0]);
    assert.equal(await wordsOf(node, ['key-7']), ['old']);
  },
);

snapshots(
  '[AN1] a node does only what names it; [AN2] without an answer in time a change is unknown',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    await node.start();
    await putAll(node, KEYS.slice(0, 500), 'old');
    const other = { nodeId: 'n2', address: node.address, adminAddress: '' };
    const command = { command: 'snapshot-create', name: 'monday', timeoutMs: 10_000 } as const;
    const [answer] = await askNodes([other], command);
    assert.ok(answer?.kind === 'refused' && answer.code === 'WRONG_NODE');
    assert.equal(snapshotFiles(node), []);
    const late = await snapshot(node, 'create', 'monday', '--timeout', '1');
    assert.is(late.code, 5);
    assert.match(late.error, /^n1: TIMEOUT.*may have been done or not\. Next: .*snapshot list/);
    await node.statusWhen(({ figures }) =>
      [0, 1].every((shard) => figures[`replica-${shard}`]?.['snapshots'] === 1),
    );
    const gone = { ...other, nodeId: 'n1', address: '127.0.0.1:1' };
    const [unreachable] = await askNodes([gone], command);
    assert.is(unreachable!.kind, 'unreachable');
  },
);

snapshots(
  '[NP2] what a process that died had begun is gone after the next start',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    await node.start();
    await putAll(node, KEYS.slice(0, 500), 'old');
    assert.is((await snapshot(node, 'create', 'whole')).code, 0);
    assert.is((await snapshot(node, 'create', 'half')).code, 0);
    await node.signal('SIGKILL');
    // As if it had died before the last shard had ended: the index knows of an attempt.
    const index = path.join(node.folder, 'snapshots.json');
    const text = readFileSync(index, 'utf8');
    const at = text.lastIndexOf('"made"');
    writeFileSync(index, `${text.slice(0, at)}"making"${text.slice(at + '"made"'.length)}`);
    const target = path.join(path.dirname(node.folder), 'copy');
    const refused = await say(
      storeCommand,
      'copy-snapshot',
      path.join(node.folder, 'half'),
      target,
    );
    assert.is(refused.code, 4);
    assert.match(refused.error, /was not made as a whole/);
    await node.start();
    await node.statusWhen(({ figures }) =>
      [0, 1].every((shard) => figures[`replica-${shard}`]?.['snapshots'] === 1),
    );
    assert.ok(snapshotFiles(node).every((name) => name.startsWith('snapshot-00000001.')));
    assert.is((await snapshot(node, 'create', 'half')).code, 0);
  },
);

snapshots(
  '[CF1] [CF2] [CF3] a copy of what is damaged, or to where it cannot be, is not there',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    await node.start();
    await putAll(node, KEYS.slice(0, 500), 'old');
    assert.is((await snapshot(node, 'create', 'monday')).code, 0);
    const root = path.dirname(node.folder);
    const copyTo = (source: string, ...target: string[]): Promise<Said> =>
      say(storeCommand, 'copy-snapshot', path.join(node.folder, source), ...target);
    const target = path.join(root, 'copy');
    for (const source of ['friday', 'shard-0/snapshot-00000001', '../friday']) {
      assert.is((await copyTo(source, target)).code, 2, source);
    }
    assert.is((await copyTo('monday')).code, 2);
    const file = path.join(root, 'file');
    writeFileSync(file, 'x');
    assert.is((await copyTo('monday', file)).code, 4);
    assert.is((await copyTo('monday', path.join(file, 'below'))).code, 4);
    const full = path.join(root, 'full');
    mkdirSync(path.join(full, 'x'), { recursive: true });
    assert.is((await copyTo('monday', full)).code, 4);
    assert.equal(readdirSync(full), ['x']);

    const log = snapshotFiles(node).find((name) => name.includes('.log-'))!;
    const shard = ['shard-0', 'shard-1']
      .map((name) => path.join(node.folder, name, log))
      .find((name) => existsSync(name))!;
    const bytes = readFileSync(shard);
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(shard, bytes);
    const damaged = await copyTo('snapshot-00000001', target);
    assert.is(damaged.code, 1);
    assert.match(damaged.error, /shard \d: log-\S+ is damaged. Nothing was kept/);
    assert.not(readdirSync(root).some((name) => name.startsWith('copy')));
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(shard, bytes);
    mkdirSync(target);
    assert.is((await copyTo('snapshot-00000001', target)).code, 0);
    assert.ok(identityOf(target).diskId !== identityOf(node.folder).diskId);
  },
);

snapshots(
  'F17 [NP5] on a full disk nothing is kept of a snapshot, and dropping one makes room',
  async ({ cluster }) => {
    const [node] = cluster.nodes as [TestNode];
    const missing = missingForSmallDisks();
    if (missing !== undefined) {
      assert.ok(missing.length > 0);
      return;
    }
    const cleanup = new Cleanup();
    try {
      const disk = new SmallDisk(node.folder, 48 * 1024 * 1024, cleanup);
      await node.start();
      await putAll(node, KEYS.slice(0, 3000), 'old');
      assert.is((await snapshot(node, 'create', 'monday')).code, 0);
      await putAll(node, KEYS.slice(0, 3000), 'new');
      const before = snapshotFiles(node);
      disk.fill();
      const refused = await snapshot(node, 'create', 'tuesday');
      assert.is(refused.code, 4);
      assert.match(refused.error, /^n1: DISK_FULL: /);
      assert.equal(snapshotFiles(node), before);
      const source = path.join(node.folder, 'monday');
      const copied = await say(storeCommand, 'copy-snapshot', source, `${node.folder}/copy`);
      assert.is(copied.code, 4);
      assert.match(copied.error, /ENOSPC.*Nothing was kept of the copy/);
      assert.not(readdirSync(node.folder).some((name) => name.startsWith('copy')));
      assert.is((await snapshot(node, 'drop', 'monday')).code, 0);
      assert.equal(snapshotFiles(node), []);
      disk.free();
      await node.statusWhen((report) => report.healthy);
      assert.is((await snapshot(node, 'create', 'tuesday')).code, 0);
    } finally {
      await node.signal('SIGKILL');
      cleanup.run();
    }
  },
);

snapshots.run();
