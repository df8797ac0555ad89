/**
 * Nodes that record what their actors do, under a real load, and replays of that: equal, bit for bit,
 * unless the core does another thing.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@clockwise/client';
import type { Core, OperationSink } from '@clockwise/kernel/core';
import type { HostedCore, ShellBatch, ShellOut } from '@clockwise/runtime/shell/shell-types';
import { replayRecording } from '@clockwise/server/replay-recording';
import type { StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster, type TestNode } from './test-node.ts';

const REPLAY_COMMAND = fileURLToPath(import.meta.resolve('@clockwise/server/replay'));
const BUCKETS = [
  { id: 2, name: 'last', conflictPolicy: 'lww' },
  { id: 3, name: 'quick', durability: 'interval' },
];
const ACTORS = [
  'anti-entropy',
  'compactor',
  'coordinator-0',
  'gossiper',
  'replica-0',
  'ring-manager',
];

interface Context {
  folder: string;
  cluster: TestCluster | undefined;
}

const recording = suite<Context>('record and replay');
recording.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-record-'));
  context.cluster = undefined;
});
recording.after.each(async ({ cluster, folder }) => {
  await cluster?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function startRecorded(
  context: Context,
  nodeCount: number,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<TestCluster> {
  const cluster = await makeCluster(nodeCount, {
    buckets: BUCKETS,
    record: context.folder,
    ...settings,
  });
  context.cluster = cluster;
  await cluster.start();
  return cluster;
}

/** Puts, gets and a scan in each bucket, in batches and one by one; `keyCount` keys in each. */
async function load({ addresses }: TestCluster, keyCount: number): Promise<void> {
  const database = await connect({ servers: addresses });
  for (const name of ['default', 'last', 'quick']) {
    const bucket = database.bucket(name);
    const keys = Array.from({ length: keyCount }, (_, index) => `key-${index}`);
    const entries = keys.map((key) => [key, `${key} ${'y'.repeat(900)}`] as const);
    await bucket.putMany(entries, { timeoutMs: 60_000 });
    await Promise.all(keys.slice(0, 20).map((key) => bucket.put(key, 'again')));
    await bucket.getMany(keys, { timeoutMs: 60_000 });
    await bucket.delete(keys[5]!);
  }
  let scanned = 0;
  for await (const record of database.bucket('last').scan()) scanned += record.values.length;
  assert.ok(scanned > 0);
  database.close();
}

function filesOf(context: Context, nodeId: string): string[] {
  const folder = path.join(context.folder, nodeId);
  const names = readdirSync(folder).filter((name) => name.endsWith('.recording'));
  return names.toSorted().map((name) => path.join(folder, name));
}

/** How many steps were replayed, all equal. */
function replayedSteps(file: string): number {
  const replay = replayRecording(file);
  if (replay.kind === 'refused') throw new Error(`${file}: ${replay.reason}`);
  const { result } = replay;
  if (result.kind === 'equal') return result.stepCount;
  throw new Error(`${file}: step ${result.step} differs: ${result.reasons.join('; ')}`);
}

function flushesOf(report: StatusReport): number {
  return Number(report.figures['replica-0']!['flushes']);
}

recording(
  '[NR1, RY1, RY2] two lives of a node, flushes and a store that was not empty: every actor replays equal',
  async (context) => {
    const cluster = await startRecorded(context, 1);
    const node = cluster.nodes[0]!;
    await load(cluster, 1500);
    await node.statusWhen((report) => flushesOf(report) >= 2);
    assert.equal(await node.signal('SIGTERM'), { code: 0, signal: null });
    await node.start();
    await load(cluster, 300);
    assert.equal(await node.signal('SIGTERM'), { code: 0, signal: null });
    const files = filesOf(context, 'n1');
    const names = ACTORS.flatMap((actor) => [`${actor}-1.recording`, `${actor}-2.recording`]);
    assert.equal(
      files.map((file) => path.basename(file)),
      names.toSorted(),
    );
    const before = readdirSync(path.join(context.folder, 'n1', 'replica-0-2.store')).toSorted();
    assert.ok(before.some((name) => name.startsWith('table-')));
    for (const file of files) {
      const steps = replayedSteps(file);
      assert.ok(steps >= (/coordinator|replica/.test(file) ? 20 : 1), `${file}: ${steps} steps`);
    }
    const replica = files.find((file) => file.endsWith('replica-0-2.recording'))!;
    replayedSteps(replica);
    const after = readdirSync(path.join(context.folder, 'n1', 'replica-0-2.store')).toSorted();
    assert.equal(after, before);
    const said = spawnSync(process.execPath, [REPLAY_COMMAND, files[0]!], { encoding: 'utf8' });
    assert.match(said.stdout, /anti-entropy of n1 .*ended in order\nequal: \d+ steps/);
    assert.is(said.status, 0);
  },
);

recording('links between nodes, and a process that was killed', async (context) => {
  const cluster = await startRecorded(context, 3);
  await load(cluster, 150);
  await Promise.all(
    cluster.nodes.map((node, index) => node.signal(index === 1 ? 'SIGKILL' : 'SIGTERM')),
  );
  for (const nodeId of ['n1', 'n2', 'n3']) {
    for (const file of filesOf(context, nodeId)) assert.ok(replayedSteps(file) > 0, file);
  }
});

/** The core, but for one bit of each operation that it writes in the `count`-th step that writes. */
class WrongBits {
  changedStep = 0;
  #stepCount = 0;
  readonly #core: Core<never, never, ShellBatch, ShellOut>;
  #left: number;

  constructor(core: HostedCore, count: number) {
    this.#core = core;
    this.#left = count;
  }

  hash(): number {
    return this.#core.hash();
  }

  step(batch: ShellBatch, out: ShellOut): void {
    this.#stepCount += 1;
    let hasWritten = false;
    const sinks = new Map<OperationSink, FlippingSink>();
    const changed: ShellOut = {
      send: (target, lane): OperationSink => {
        const sink = out.send(target, lane);
        if (!hasWritten) this.#left -= 1;
        hasWritten = true;
        if (this.#left !== 0) return sink;
        this.changedStep = this.#stepCount;
        const flipping = sinks.get(sink) ?? new FlippingSink(sink);
        sinks.set(sink, flipping);
        return flipping;
      },
      effect: (effect) => out.effect(effect),
      append: (...range) => out.append(...range),
    };
    this.#core.step(batch, changed);
    // Only once.
    if (this.#left === 0) this.#left = -1;
  }
}

/** A sink whose operations have one bit that is wrong. */
class FlippingSink implements OperationSink {
  epoch = 0;
  priority = 0;
  readonly #sink: OperationSink;
  #start = 0;

  constructor(sink: OperationSink) {
    this.#sink = sink;
    this.epoch = sink.epoch;
  }

  get words(): Int32Array {
    return this.#sink.words;
  }

  get remainingMs(): number {
    return this.#sink.remainingMs;
  }

  set remainingMs(remainingMs: number) {
    this.#sink.remainingMs = remainingMs;
  }

  get due(): number {
    return this.#sink.due;
  }

  set due(due: number) {
    this.#sink.due = due;
  }

  get patienceMs(): number {
    return this.#sink.patienceMs;
  }

  set patienceMs(patienceMs: number) {
    this.#sink.patienceMs = patienceMs;
  }

  begin(tag: number, wordCount: number): number {
    this.#sink.epoch = this.epoch;
    this.#start = this.#sink.begin(tag, wordCount);
    return this.#start;
  }

  end(wordCount: number): void {
    this.words[this.#start + wordCount - 1]! ^= 1;
    this.#sink.end(wordCount);
  }
}

recording(
  'a core that does another thing is named with its step; damage is refused',
  async (context) => {
    const cluster = await startRecorded(context, 1);
    await load(cluster, 100);
    await cluster.nodes[0]!.signal('SIGTERM');
    for (const actor of ['coordinator-0', 'replica-0']) {
      const file = path.join(context.folder, 'n1', `${actor}-1.recording`);
      let double: WrongBits | undefined;
      const replay = replayRecording(file, (core) => (double = new WrongBits(core, 10)));
      if (replay.kind === 'refused') throw new Error(`${actor}: ${replay.reason}`);
      if (replay.result.kind !== 'differs') {
        const { stepCount } = replay.result;
        throw new Error(`${actor}: of ${stepCount} steps ${double!.changedStep} is not seen`);
      }
      assert.is(replay.result.step, double!.changedStep);
      assert.match(replay.result.reasons[0]!, /^the content of \d+ operations to/);

      const bytes = readFileSync(file);
      bytes[bytes.length >> 1]! ^= 4;
      writeFileSync(file, bytes);
      const said = spawnSync(process.execPath, [REPLAY_COMMAND, file], { encoding: 'utf8' });
      assert.match(said.stdout, /cannot be replayed: it is damaged behind step \d+\n/);
      assert.is(said.status, 2);
    }
  },
);

const RECORD_BYTES = 400_000;

recording('[RA1, RA2] the bound is kept over restarts, and the node serves on', async (context) => {
  const cluster = await startRecorded(context, 1, { recordBytes: RECORD_BYTES });
  const node = cluster.nodes[0]!;
  await load(cluster, 300);
  await node.signal('SIGTERM');
  const log = (): string[] => node.log.split('\n').filter((line) => line.includes('not recorded'));
  assert.ok(log().some((line) => line.includes('its bound of 400000 bytes is reached')));
  await node.start();
  await load(cluster, 20);
  await node.signal('SIGTERM');
  for (const actor of ['coordinator-0', 'replica-0']) {
    const files = filesOf(context, 'n1').filter((file) => file.includes(actor));
    const sizes = files.map((file) => statSync(file).size);
    assert.ok(
      sizes.reduce((sum, size) => sum + size) <= RECORD_BYTES,
      `${actor}: ${sizes.join(', ')}`,
    );
    assert.ok(replayedSteps(files[0]!) >= 3);
  }
  await startWithoutFolder(node);
});

/** A folder that cannot be made: the node runs, and says that it records nothing. */
async function startWithoutFolder(node: TestNode): Promise<void> {
  await node.start({ record: path.join(fileURLToPath(import.meta.url), 'no-folder') });
  const lines = node.log.split('\n').filter((line) => line.includes('not recorded'));
  assert.ok(lines.some((line) => line.includes('ENOTDIR')));
  await node.signal('SIGTERM');
}

recording.run();
