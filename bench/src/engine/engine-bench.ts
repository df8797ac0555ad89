/**
 * `npm run bench -- engine`: our store beside LevelDB and LMDB, in one process each, one after the
 * other, with the same keys, values, budget and durability. What is not measured: several threads that
 * ask at once, a disk slower than this one, values of many sizes in one store. Each process fills
 * small stores first that are not measured, so that what is compiled as it runs is compiled; the thread
 * of our jobs, which compiles for itself, runs theirs, too.
 *
 *   --keys N       5,000,000; with 1 KB values a fifth of them
 *   --times N      instead: as many keys as make keys and values N times the memory, for each size
 *   --memory MIB   128: caches and write buffers of a store
 *   --values A,B   100,1024: bytes of a value
 *   --codec NAME   rows, the default of a node: of our blocks, none, deflate, lz4 or rows
 *   --peer NAME    ours and this one only
 *   --folder PATH  where the stores are made; must be on a disk, not in memory
 *   --quick        50,000 keys and 16 MiB: a look, not a measurement
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { BLOCK_CODEC } from '@clockwise/storage/block-codec';
import type { Benchmark, BenchOutcome, BenchResult } from '../report.ts';
import type { ChildLine, ChildTask, TrialFigures } from './engine-child.ts';
import { KEY_BYTES, PEER_NAMES, type PeerName } from './engine-peer.ts';
import { resultsOf, type PeerFigures } from './engine-results.ts';
import type { Figures, Sizes } from './workloads.ts';

const MIB = 1024 * 1024;
const CHILD = fileURLToPath(new URL('engine-child.js', import.meta.url));
/** Values of at least this many bytes: a share of the keys. */
const LARGE_VALUE_BYTES = 1000;
const LARGE_VALUE_SHARE = 0.2;
/** More would show nothing that these do not, and take minutes. */
const OVERWRITES_MAX = 1_000_000;
const BURST_PUTS_MAX = 500_000;
/** Values of a trial of settings, in budgets. */
const TRIAL_SHARE = 0.75;
/** With fewer it is a look, and nobody waits for stores to rest for long. */
const QUICK_KEYS = 50_001;

export const engineBenchmark: Benchmark = {
  name: 'engine',
  description: 'our store beside LevelDB and LMDB, embedded: fill, reads, scans, mixed load',
  run: runEngine,
};

interface Settings {
  /** Undefined: as many as make so many times the memory. */
  readonly keyCount: number | undefined;
  readonly times: number;
  readonly memoryBytes: number;
  readonly codec: number;
  readonly valueSizes: readonly number[];
  readonly peers: readonly PeerName[];
  readonly folder: string;
}

async function runEngine(args: readonly string[]): Promise<BenchOutcome> {
  const settings = settingsOf(args);
  const results: BenchResult[] = [];
  const folder = mkdtempSync(path.join(settings.folder, 'clockwise-engine-'));
  try {
    for (const [round, valueBytes] of settings.valueSizes.entries()) {
      const measured = new Map<PeerName, PeerFigures>();
      // Now the one first, now the other: whoever comes first finds the disk rested.
      const order = round % 2 === 0 ? settings.peers : settings.peers.toReversed();
      for (const peer of order) {
        const task = taskOf(settings, folder, peer, valueBytes);
        const setting = await bestSetting(task);
        if (setting === undefined) continue;
        const figures = await runPeer({ ...task, setting: setting.place }, setting.why);
        if (figures !== undefined) measured.set(peer, figures);
      }
      results.push(...resultsOf(valueBytes, measured));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { results, versions: peerVersions(settings.peers) };
}

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string' },
      times: { type: 'string' },
      memory: { type: 'string' },
      values: { type: 'string' },
      codec: { type: 'string' },
      peer: { type: 'string' },
      folder: { type: 'string' },
      quick: { type: 'boolean' },
    },
  });
  const quick = values.quick === true;
  const peers = PEER_NAMES.filter(
    (name) => values.peer === undefined || name === 'clockwise' || name === values.peer,
  );
  return {
    keyCount:
      values.times === undefined
        ? numberOf('--keys', values.keys ?? (quick ? '50000' : '5000000'))
        : undefined,
    times: numberOf('--times', values.times ?? '1'),
    memoryBytes: numberOf('--memory', values.memory ?? (quick ? '16' : '128')) * MIB,
    codec: values.codec === undefined ? DEFAULT_LIMITS.tableCodec : codecOf(values.codec),
    valueSizes: (values.values ?? '100,1024').split(',').map((one) => numberOf('--values', one)),
    peers,
    folder: values.folder ?? tmpdir(),
  };
}

function codecOf(name: string): number {
  for (const [one, codec] of Object.entries(BLOCK_CODEC)) if (one === name) return codec;
  throw new Error(`--codec: there is no '${name}'`);
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number <= 0)
    throw new Error(`${option}: '${text}' is no count`);
  return number;
}

function taskOf(
  { keyCount, times, memoryBytes, codec }: Settings,
  folder: string,
  peer: PeerName,
  valueBytes: number,
): ChildTask {
  const share = valueBytes >= LARGE_VALUE_BYTES ? LARGE_VALUE_SHARE : 1;
  const count =
    keyCount === undefined
      ? Math.ceil((times * memoryBytes) / (KEY_BYTES + valueBytes))
      : Math.ceil(keyCount * share);
  return {
    peer,
    setting: 'each',
    folder: path.join(folder, `${peer}-${valueBytes}`),
    keyCount: count,
    valueBytes,
    memoryBytes,
    codec,
    sizes: sizesOf(count, valueBytes, memoryBytes),
    syncedBatches: Math.min(500, Math.ceil(count / 1000)),
  };
}

function sizesOf(keyCount: number, valueBytes: number, memoryBytes: number): Sizes {
  return {
    // LevelDB's write buffer is the smallest: three eighths, with some 24 bytes more for each entry.
    firstKeys: Math.min(keyCount, Math.floor((memoryBytes * 0.3) / (valueBytes + 40))),
    overwrites: Math.min(Math.ceil(keyCount / 2), OVERWRITES_MAX),
    burstPuts: Math.min(Math.ceil(keyCount / 2), BURST_PUTS_MAX),
    hotGets: Math.min(1_000_000, keyCount * 4),
    randomGets: Math.min(200_000, keyCount * 2),
    mixedOperations: Math.min(200_000, keyCount),
    restMs: keyCount < QUICK_KEYS ? 100 : 750,
  };
}

interface Setting {
  readonly place: number;
  /** For the reader of the figures. */
  readonly why: string;
}

/**
 * The setting of the peer that does best, by the geometric mean of its fill and its random reads with
 * some of the keys; ours has one only, so that nothing is tried. Undefined: it failed.
 */
async function bestSetting(task: ChildTask): Promise<Setting | undefined> {
  if (task.peer === 'clockwise') return { place: 0, why: '' };
  const keyCount = Math.min(
    task.keyCount,
    Math.ceil((TRIAL_SHARE * task.memoryBytes) / task.valueBytes),
  );
  const sizes = sizesOf(keyCount, task.valueBytes, task.memoryBytes);
  const tried: { readonly title: string; readonly figures: TrialFigures }[] = [];
  const isDone = await runChild({ ...task, keyCount, sizes }, 'settings tried', (line) => {
    if (line.kind === 'trial') tried.push({ title: line.setting, figures: line.figures });
  });
  if (!isDone) return undefined;
  const merits = tried.map(({ figures }) => Math.sqrt(figures.fill * figures.read));
  const place = merits.indexOf(Math.max(...merits));
  const thousands = (rate: number): string => `${Math.round(rate / 1000)} k/s`;
  const texts = tried.map(
    ({ title, figures }) => `${title}: ${thousands(figures.fill)}, ${thousands(figures.read)}`,
  );
  const why = `setting ${place + 1} of those tried with ${keyCount} keys (fill, random reads): ${texts.join('; ')}`;
  return { place, why };
}

/** Undefined: there is no such peer on this platform, or it failed; its own words are on the screen. */
async function runPeer(task: ChildTask, why: string): Promise<PeerFigures | undefined> {
  let notes: readonly string[] = [];
  const workloads = new Map<string, Figures>();
  const isDone = await runChild(task, `${task.keyCount} keys`, (line) => {
    if (line.kind === 'notes') notes = why === '' ? line.notes : [...line.notes, why];
    else if (line.kind === 'figures') workloads.set(line.workload, line.figures);
  });
  return isDone ? { notes, workloads, task } : undefined;
}

/** False: there is no such peer on this platform, or it failed; its own words are on the screen. */
async function runChild(
  task: ChildTask,
  what: string,
  hear: (line: ChildLine) => void,
): Promise<boolean> {
  const startMs = performance.now();
  process.stderr.write(`${task.peer}, ${task.valueBytes} B values, ${what} ... `);
  const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const text of createInterface({ input: child.stdout })) {
    hear(JSON.parse(text) as ChildLine);
  }
  const code = await ended;
  process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(0)} s\n`);
  if (code === 0) return true;
  const text = `${task.peer} ended with exit code ${code}`;
  if (task.peer === 'clockwise') throw new Error(text);
  process.stderr.write(`${text}: left out\n`);
  return false;
}

function peerVersions(peers: readonly PeerName[]): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const peer of peers) {
    if (peer === 'clockwise') continue;
    const main = createRequire(import.meta.url).resolve(peer);
    versions[peer] = versionAbove(path.dirname(main));
  }
  return versions;
}

/** Of the package that a folder belongs to. */
function versionAbove(folder: string): string {
  const parent = path.dirname(folder);
  if (path.basename(parent) !== 'node_modules') return versionAbove(parent);
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
