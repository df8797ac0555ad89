/**
 * One peer with one size of values, in a process of its own, so that resident memory is its own: takes
 * its task as JSON, gives one line of JSON for each workload and one at the end.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { medianOf } from '../report.ts';
import { bytesOnDisk, type ResidentBytes, residentBytes } from './disk-bytes.ts';
import { type EnginePeer, newKey, type PeerModule, type PeerName } from './engine-peer.ts';
import { KeySpace } from './key-space.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { BATCH_COUNT, type Figures, type Sizes, Workloads } from './workloads.ts';

export interface ChildTask {
  readonly peer: PeerName;
  readonly folder: string;
  readonly keyCount: number;
  readonly valueBytes: number;
  /** Of the peer's settings; 'each': try them all, and only say how fast each is. */
  readonly setting: number | 'each';
  readonly memoryBytes: number;
  readonly codec: number;
  readonly sizes: Sizes;
  /** Batches that are each on the disk before the next; 0: none. */
  readonly syncedBatches: number;
}

/** As many as fill some write buffers of that memory, and are merged once. */
const WARM_KEYS_MAX = 100_000;
const WARM_ROUNDS = 2;
const WARM_MEMORY_BYTES = 16 * 1024 * 1024;
const WARM_REST_MS = 100;
/** A first buffer is full after a tenth of a second: of one alone the disk's mood would be measured. */
const FIRST_ROUNDS = 7;

export type ChildLine =
  | { readonly kind: 'notes'; readonly notes: readonly string[] }
  | { readonly kind: 'trial'; readonly setting: string; readonly figures: TrialFigures }
  | { readonly kind: 'figures'; readonly workload: string; readonly figures: Figures };

/** Each is loaded only where it is measured: a platform may have no binary of one. */
const PEERS: Readonly<Record<PeerName, () => Promise<PeerModule>>> = {
  clockwise: async () => (await import('./clockwise-peer.ts')).clockwisePeer,
  'classic-level': async () => (await import('./level-peer.ts')).levelPeer,
  lmdb: async () => (await import('./lmdb-peer.ts')).lmdbPeer,
};

await run(JSON.parse(process.argv[2] ?? '') as ChildTask);

/** Operations a second: fill to its end and rest, and reads of any key after it. */
export interface TrialFigures {
  readonly fill: number;
  readonly read: number;
}

async function run({ peer: name, ...task }: ChildTask): Promise<void> {
  const { setting, keyCount, valueBytes } = task;
  const keys = new KeySpace(keyCount, valueBytes);
  const module = await PEERS[name]();
  const ownBytes = residentBytes();
  if (setting === 'each') await tryEach(module, task, keys);
  else await measure(module, { ...task, setting }, keys, ownBytes);
  rmSync(task.folder, { recursive: true });
}

type Task = Omit<ChildTask, 'peer'>;

async function tryEach(module: PeerModule, task: Task, keys: KeySpace): Promise<void> {
  const { folder, valueBytes, sizes } = task;
  for (const [setting, title] of module.settings.entries()) {
    const own = path.join(folder, `setting-${setting}`);
    mkdirSync(own, { recursive: true });
    const peer = await module.open(own, { ...task, setting, isSynced: false });
    const workloads = new Workloads(peer, own, keys, valueBytes);
    const fill = (await workloads.fill(sizes))['perSecond']!;
    const read = workloads.readRandom(sizes)['perSecond']!;
    say({ kind: 'trial', setting: title, figures: { fill, read } });
    await peer.close();
    rmSync(own, { recursive: true });
  }
}

async function measure(
  module: PeerModule,
  task: Task & { readonly setting: number },
  keys: KeySpace,
  ownBytes: ResidentBytes,
): Promise<void> {
  const { folder, valueBytes, sizes } = task;
  const main = path.join(folder, 'main');
  mkdirSync(main, { recursive: true });
  await warm(module, task, keys);
  let peer = await module.open(main, { ...task, isSynced: false });
  say({ kind: 'notes', notes: peer.notes });
  const workloads = new Workloads(peer, main, keys, valueBytes);
  tell('fill', await workloads.fill(sizes));
  tell('read random', workloads.readRandom(sizes));
  tell('read missing', workloads.readMissing(sizes));
  tell('read hot', workloads.readHot(sizes));
  tell('scan all', await workloads.scan());
  tell('memory', memory(ownBytes));
  tell('overwrite', await workloads.overwrite(sizes));
  tell('mixed', await workloads.mixed(sizes));
  await peer.close();
  const startMs = performance.now();
  peer = await module.open(main, { ...task, isSynced: false });
  tell('open', { milliseconds: performance.now() - startMs, diskBytes: bytesOnDisk(main) });
  await peer.close();
  if (task.syncedBatches > 0) tell('synced batches', await synced(module, task, keys));
  tell('first buffers', await firstBuffers(module, task, keys));
}

/**
 * Small stores that are filled, read and thrown away, one after the other: who is compiled while he runs is
 * compiled when the measuring begins, also for a store that is opened anew, as he is after the first
 * seconds of a process that lives for months.
 */
async function warm(
  module: PeerModule,
  task: Task & { readonly setting: number },
  { values }: KeySpace,
): Promise<void> {
  const folder = path.join(task.folder, 'warm');
  const { memoryBytes, valueBytes } = task;
  const keys = new KeySpace(Math.min(task.keyCount, WARM_KEYS_MAX), valueBytes, values);
  const small = {
    ...task,
    sizes: { ...task.sizes, restMs: WARM_REST_MS, randomGets: WARM_KEYS_MAX },
    memoryBytes: Math.min(memoryBytes, WARM_MEMORY_BYTES),
    isSynced: false,
  };
  for (let round = 0; round < WARM_ROUNDS; round += 1) {
    mkdirSync(folder);
    const peer = await module.open(folder, small);
    const workloads = new Workloads(peer, folder, keys, valueBytes);
    await workloads.fill(small.sizes);
    workloads.readRandom(small.sizes);
    workloads.readMissing(small.sizes);
    await peer.close();
    rmSync(folder, { recursive: true });
  }
}

/** The first write buffer of stores that are new, one after the other, each at rest before and after. */
async function firstBuffers(
  module: PeerModule,
  task: Task & { readonly setting: number },
  { values }: KeySpace,
): Promise<Figures> {
  const folder = path.join(task.folder, 'first');
  const { sizes, valueBytes } = task;
  const keys = new KeySpace(sizes.firstKeys, valueBytes, values);
  const rates: number[] = [];
  for (let round = 0; round < FIRST_ROUNDS; round += 1) {
    mkdirSync(folder);
    const peer = await module.open(folder, { ...task, isSynced: false });
    const figures = await new Workloads(peer, folder, keys, valueBytes).fill(sizes);
    rates.push(figures['firstPerSecond']!);
    await peer.close();
    rmSync(folder, { recursive: true });
  }
  return {
    perSecond: medianOf(rates),
    leastPerSecond: Math.min(...rates),
    mostPerSecond: Math.max(...rates),
  };
}

async function synced(
  module: PeerModule,
  task: Task & { readonly setting: number },
  keys: KeySpace,
): Promise<Figures> {
  const folder = path.join(task.folder, 'synced');
  mkdirSync(folder);
  const peer: EnginePeer = await module.open(folder, { ...task, isSynced: true });
  const batch = Array.from({ length: BATCH_COUNT }, newKey);
  const latencies = new LatencyHistogram();
  const startMs = performance.now();
  for (let done = 0; done < task.syncedBatches; done += 1) {
    batch.forEach((key, index) => keys.writeKey(key, keys.nth(done * BATCH_COUNT + index)));
    const batchMs = performance.now();
    const put = peer.putBatch(batch, keys.values, BATCH_COUNT);
    if (put !== undefined) await put;
    latencies.addMs(performance.now() - batchMs);
  }
  const elapsedMs = performance.now() - startMs;
  await peer.close();
  return {
    perSecond: ((task.syncedBatches * BATCH_COUNT) / elapsedMs) * 1000,
    'batch-p50': latencies.percentileUs(0.5),
    'batch-p99': latencies.percentileUs(0.99),
  };
}

/** `before` any store was opened, those of the warming included, there was only the process. */
function memory(before: ResidentBytes): Figures {
  const { now, highest, ofFiles } = residentBytes();
  const ofStore = now - ofFiles - (before.now - before.ofFiles);
  return { residentBytes: now, residentBytesMax: highest, residentOfFiles: ofFiles, ofStore };
}

function tell(workload: string, figures: Figures): void {
  say({ kind: 'figures', workload, figures });
}

function say(line: ChildLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
