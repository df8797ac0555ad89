import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type {
  ActorMessage,
  ShardSnapshot,
  SnapshotRefusal,
} from '@clockwise/protocol/actor-messages';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runAdminCommand } from './admin-commands.ts';
import { NodeSnapshots } from './node-snapshots.ts';
import { indexIn } from './snapshot-index.ts';
import type { AdminAnswer, SnapshotListReport, SnapshotReport } from './snapshot-report.ts';

/** Two shards that keep numbers, and do what they are told to; each answer is given a turn later. */
class Node {
  readonly folder: string;
  readonly held: [ShardSnapshot[], ShardSnapshot[]] = [[], []];
  readonly heard: string[] = [];
  /** By shard: how the next snapshot there ends, and how a drop does. */
  readonly refusals: (SnapshotRefusal | undefined)[] = [undefined, undefined];
  readonly dropFaults: string[] = ['', ''];
  /** Shards that answer nothing; and the one message that one does not answer. */
  readonly silent: Set<number> = new Set();
  #muted = '';
  /** Whether the disk of the index has no room. */
  isFull: () => boolean = () => false;
  snapshots: NodeSnapshots;

  constructor(folder: string) {
    this.folder = folder;
    this.snapshots = this.open();
  }

  /** As after a start of the process. */
  open(): NodeSnapshots {
    const index = indexIn(this.folder);
    const snapshots = new NodeSnapshots({
      nodeId: 'n1',
      dataFolder: this.folder,
      shardCount: 2,
      index: {
        read: () => index.read(),
        write: async (entries) => {
          if (!this.isFull()) return index.write(entries);
          return { ok: false, code: 'DISK_FULL', reasons: ['ENOSPC'] };
        },
      },
      tell: (to, message) => {
        const shard = Number(to.slice('replica-'.length));
        queueMicrotask(() => {
          const answer = this.#answer(shard, message);
          if (answer !== undefined) snapshots.told(answer);
        });
      },
      now: () => new Date(0),
    });
    this.snapshots = snapshots;
    return snapshots;
  }

  up(...shards: readonly number[]): this {
    for (const shard of shards) this.snapshots.unitChanged(`replica-${shard}`, { kind: 'ready' });
    return this;
  }

  mute(shard: number, kind: string): void {
    this.#muted = `${shard} ${kind}`;
  }

  get index(): unknown {
    const file = path.join(this.folder, 'snapshots.json');
    if (!existsSync(file)) return [];
    const { snapshots } = JSON.parse(readFileSync(file, 'utf8')) as {
      snapshots: { name: string; number: number; state: string }[];
    };
    return snapshots.map(({ name, number, state }) => [name, number, state]);
  }

  get numbers(): number[][] {
    return this.held.map((ofShard) => ofShard.map(({ snapshotNumber }) => snapshotNumber));
  }

  #answer(shard: number, message: ActorMessage): ActorMessage | undefined {
    const held = this.held[shard as 0 | 1];
    if (!('request' in message)) throw new Error(message.kind);
    const { request } = message;
    this.heard.push(`${shard} ${message.kind}`);
    if (this.silent.has(shard)) return undefined;
    if (this.heard.at(-1) === this.#muted) return undefined;
    if (message.kind === 'snapshots-wanted') {
      const lastNumber = Math.max(0, ...held.map(({ snapshotNumber }) => snapshotNumber));
      return { kind: 'snapshots', request, lastNumber, held: [...held], pinnedBytes: 7 };
    }
    if (message.kind === 'snapshot-wanted') {
      const code = this.refusals[shard];
      this.refusals[shard] = undefined;
      if (code !== undefined) {
        return { kind: 'snapshot-done', request, end: { ok: false, code, reason: 'because' } };
      }
      const { snapshotNumber } = message;
      const snapshot = { snapshotNumber, sequence: 9, fileCount: 2, byteCount: 100 };
      held.push(snapshot);
      return { kind: 'snapshot-done', request, end: { ok: true, snapshot } };
    }
    if (message.kind !== 'snapshot-drop') throw new Error(message.kind);
    const reason = this.dropFaults[shard]!;
    const index = held.findIndex((one) => one.snapshotNumber === message.snapshotNumber);
    if (reason === '' && index >= 0) held.splice(index, 1);
    return { kind: 'snapshot-dropped', request, ok: reason === '', reason };
  }
}

function ended<Result>(answer: AdminAnswer<Result>): Result | string {
  return answer.ok ? answer.result : `${answer.code}: ${answer.reasons.join('; ')}`;
}

async function listed(node: Node): Promise<SnapshotListReport> {
  const answer = await node.snapshots.list();
  if (!answer.ok) throw new Error(answer.code);
  return answer.result;
}

function refusal(answer: AdminAnswer<unknown>): string {
  if (answer.ok) throw new Error('it was to be refused');
  return `${answer.code}: ${answer.reasons.join('; ')}`;
}

/** What was begun by the node itself has ended. */
async function quiet(node: Node): Promise<void> {
  for (let turn = 0; turn < 200 && JSON.stringify(node.index).includes('ing"'); turn += 1) {
    await new Promise((done) => setTimeout(done, 5));
  }
}

const nodeSnapshots = suite<{ node: Node }>('node snapshots');
nodeSnapshots.before.each((context) => {
  context.node = new Node(mkdtempSync(path.join(tmpdir(), 'clockwise-snapshots-'))).up(0, 1);
});
nodeSnapshots.after.each(async ({ node }) => {
  await node.snapshots.stop();
  rmSync(node.folder, { recursive: true });
});

nodeSnapshots(
  '[NP1] [SI1] all shards make it under one number, and its name is durable',
  async ({ node }) => {
    const made = ended(await node.snapshots.create('monday')) as SnapshotReport;
    assert.equal(
      [made.nodeId, made.name, made.number, made.state, made.byteCount],
      ['n1', 'monday', 1, 'made', 200],
    );
    assert.is(made.path, path.join(node.folder, 'snapshot-00000001'));
    assert.is(made.shards[1]!.path, path.join(node.folder, 'shard-1', 'snapshot-00000001'));
    assert.equal(node.index, [['monday', 1, 'made']]);
    await node.snapshots.create('tuesday');
    assert.equal(node.numbers, [
      [1, 2],
      [1, 2],
    ]);
    const after = new Node(node.folder);
    after.held.splice(0, 2, ...node.held);
    after.up(0, 1);
    const { snapshots, pinnedBytes } = await listed(after);
    assert.equal(
      snapshots.map(({ name, state, createdAt }) => [name, state, createdAt]),
      [
        ['monday', 'made', '1970-01-01T00:00:00.000Z'],
        ['tuesday', 'made', '1970-01-01T00:00:00.000Z'],
      ],
    );
    assert.is(pinnedBytes, 14);
    await after.snapshots.stop();
  },
);

nodeSnapshots('[NP2] where one shard refuses, no shard keeps any of it', async ({ node }) => {
  for (const code of ['DISK_FULL', 'TOO_MANY', 'FAILED'] as const) {
    node.refusals[1] = code;
    assert.is(ended(await node.snapshots.create('monday')), `${code}: shard 1: because`);
    assert.equal([node.numbers, node.index], [[[], []], []]);
  }
  const made = ended(await node.snapshots.create('monday')) as SnapshotReport;
  assert.is(made.state, 'made');
});

nodeSnapshots(
  '[NP2] what a shard cannot remove goes when it can, and is no snapshot meanwhile',
  async ({ node }) => {
    node.refusals[1] = 'FAILED';
    node.dropFaults[0] = 'EIO';
    const text = ended(await node.snapshots.create('monday')) as string;
    assert.match(
      text,
      /^FAILED: shard 1: because; shard 0 has not removed its part of monday yet: EIO$/,
    );
    assert.equal([node.numbers, node.index], [[[1], []], [['monday', 1, 'making']]]);
    const [half] = (await listed(node)).snapshots;
    assert.equal([half!.name, half!.state], ['monday', 'dropping']);
    assert.match(refusal(await node.snapshots.create('monday')), /^NAME_TAKEN: .* has not gone/);
    node.dropFaults[0] = '';
    const made = ended(await node.snapshots.create('monday')) as SnapshotReport;
    assert.is(made.state, 'made');
    assert.equal(node.numbers, [[made.number], [made.number]]);
  },
);

nodeSnapshots(
  '[NP2] a start removes what the process before did not finish, and nothing else',
  async ({ node }) => {
    await node.snapshots.create('monday');
    await node.snapshots.stop();
    const one = { snapshotNumber: 2, sequence: 9, fileCount: 2, byteCount: 100 };
    node.held[0].push(one, { ...one, snapshotNumber: 3 }, { ...one, snapshotNumber: 4 });
    const file = path.join(node.folder, 'snapshots.json');
    const index = JSON.parse(readFileSync(file, 'utf8')) as { snapshots: unknown[] };
    index.snapshots.push({ name: 'half', number: 2, state: 'making', createdAt: '' });
    index.snapshots.push({ name: 'going', number: 3, state: 'dropping', createdAt: '' });
    writeFileSync(file, JSON.stringify(index));
    node.open();
    node.up(0);
    await quiet(node);
    assert.equal(node.numbers[0], [1, 2, 3, 4], 'not before all shards serve');
    node.up(1);
    await quiet(node);
    assert.equal(node.numbers, [[1, 4], [1]]);
    assert.equal(node.index, [['monday', 1, 'made']]);
    const names = (await listed(node)).snapshots.map(({ name, state }) => [name, state]);
    assert.equal(names, [
      ['monday', 'made'],
      ['snapshot-00000004', 'incomplete'],
    ]);
    const dropped = ended(await node.snapshots.drop('snapshot-00000004'));
    assert.equal(dropped, { nodeId: 'n1', name: 'snapshot-00000004', number: 4 });
  },
);

nodeSnapshots(
  '[SQ1] [SQ2] a shard that dies, is fenced or does not serve ends it with a reason',
  async ({ node }) => {
    node.silent.add(1);
    const waiting = node.snapshots.list();
    await new Promise(setImmediate);
    node.snapshots.unitChanged('replica-1', { kind: 'crashed', reason: 'it threw\nat once' });
    assert.equal((ended(await waiting) as SnapshotListReport).reasons, [
      'shard 1: it crashed: it threw',
    ]);
    node.silent.clear();
    assert.is(
      ended(await node.snapshots.create('monday')),
      'SHARD_DOWN: shard 1: it crashed: it threw',
    );
    assert.equal([node.numbers, node.index], [[[], []], []]);
    node.up(1);
    const fenced = {
      kind: 'shard-state',
      shard: 1,
      state: 'fenced',
      reason: 'DISK_FAILED',
    } as const;
    // While it makes its part: the other shard's goes at once.
    node.mute(1, 'snapshot-wanted');
    const asked = node.snapshots.create('monday');
    while (!node.heard.includes('1 snapshot-wanted')) await new Promise(setImmediate);
    node.snapshots.told(fenced);
    assert.match(
      refusal(await asked),
      /^SHARD_DOWN: shard 1: it serves no longer: DISK_FAILED; shard 1 has not removed its part/,
    );
    assert.equal([node.numbers, node.index], [[[], []], [['monday', 1, 'making']]]);
    node.up(1);
    await quiet(node);
    assert.equal(node.index, []);
  },
);

nodeSnapshots(
  '[NP3] one change at a time, lists at any; [NP4] a name is taken until it is gone',
  async ({ node }) => {
    const first = node.snapshots.create('monday');
    while (!node.heard.includes('0 snapshot-wanted')) await new Promise(setImmediate);
    assert.is(
      ended(await node.snapshots.create('tuesday')),
      'BUSY: the snapshot monday is being made',
    );
    assert.is(
      ended(await node.snapshots.drop('monday')),
      'BUSY: the snapshot monday is being made',
    );
    const [underWay] = (await listed(node)).snapshots;
    // It may have ended meanwhile.
    assert.ok(['making', 'made'].includes(underWay!.state));
    await first;
    assert.match(refusal(await node.snapshots.create('monday')), /^NAME_TAKEN: .* made at 1970/);
    assert.match(refusal(await node.snapshots.drop('friday')), /^NO_SUCH_SNAPSHOT/);
    node.dropFaults[1] = 'EIO';
    assert.match(refusal(await node.snapshots.drop('monday')), /^FAILED: shard 1 has not removed/);
    assert.match(refusal(await node.snapshots.create('monday')), /^NAME_TAKEN/);
    node.dropFaults[1] = '';
    await quiet(node);
    assert.equal([node.numbers, node.index], [[[], []], []]);
  },
);

nodeSnapshots(
  '[SI2] names that are none are refused; [SI3] a damaged index is left as it is',
  async ({ node }) => {
    for (const name of ['', '..', 'a/b', '-x', 'a b', 'x'.repeat(65), 'snapshot-00000001']) {
      assert.match(refusal(await node.snapshots.create(name)), /^BAD_REQUEST/);
    }
    const file = path.join(node.folder, 'snapshots.json');
    for (const text of ['{', '{"format":2,"snapshots":[]}', '[]']) {
      writeFileSync(file, text);
      for (const answer of [
        await node.snapshots.create('monday'),
        await node.snapshots.drop('monday'),
        await node.snapshots.list(),
      ]) {
        assert.match(refusal(answer), /^FAILED: .*snapshots.json cannot be used/);
      }
      assert.is(readFileSync(file, 'utf8'), text);
    }
    assert.not(node.heard.some((heard) => heard.includes('snapshot-wanted')));
  },
);

nodeSnapshots(
  '[NP5] on a full disk none is made, and one that is there is dropped, which makes room',
  async ({ node }) => {
    await node.snapshots.create('monday');
    node.isFull = () => node.numbers[0]!.length > 0;
    assert.is(refusal(await node.snapshots.create('tuesday')), 'DISK_FULL: ENOSPC');
    assert.not(node.numbers.flat().includes(2));
    const dropped = ended(await node.snapshots.drop('monday'));
    assert.equal(dropped, { nodeId: 'n1', name: 'monday', number: 1 });
    assert.equal([node.numbers, node.index], [[[], []], []]);
    // Where it makes no room, the name is told as what it is, and dropped later.
    node.isFull = () => false;
    await node.snapshots.create('friday');
    node.isFull = () => true;
    assert.match(refusal(await node.snapshots.drop('friday')), /ENOSPC/);
    const [rest] = (await listed(node)).snapshots;
    assert.equal([rest!.name, rest!.state, rest!.shards], ['friday', 'incomplete', []]);
    node.isFull = () => false;
    assert.ok((await node.snapshots.drop('friday')).ok);
    assert.equal(node.index, []);
  },
);

nodeSnapshots(
  '[AC1] a command that is not understood, or for another node, does nothing',
  async ({ node }) => {
    const parts = { nodeId: 'n1', snapshots: node.snapshots };
    const say = async (command: string, argument: string): Promise<string> =>
      refusal(await runAdminCommand(parts, command, argument));
    const own = JSON.stringify({ nodeId: 'n1', name: 'monday' });
    assert.match(await say('melt', own), /^BAD_REQUEST: there is no command melt/);
    for (const argument of ['', '{', '{}', '{"nodeId":"n1","name":7}']) {
      assert.match(await say('snapshot-create', argument), /^BAD_REQUEST/);
    }
    assert.is(
      await say('snapshot-create', own.replace('n1', 'n2')),
      'WRONG_NODE: this is node n1, not n2',
    );
    assert.equal(node.index, []);
    const made = await runAdminCommand(parts, 'snapshot-create', own);
    assert.ok(made.ok);
    const list = await runAdminCommand(parts, 'snapshot-list', '{"nodeId":"n1","name":""}');
    assert.ok(list.ok && (list.result as SnapshotListReport).snapshots.length === 1);
    assert.ok((await runAdminCommand(parts, 'snapshot-drop', own)).ok);
  },
);

nodeSnapshots.run();
