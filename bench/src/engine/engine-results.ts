/**
 * From what the peers gave to the table: one line for each figure and peer, with the target it is
 * measured against. A missed target is said as loudly as one that is reached.
 */
import { type BenchResult, resultOf } from '../report.ts';
import type { ChildTask } from './engine-child.ts';
import type { PeerName } from './engine-peer.ts';
import type { Figures } from './workloads.ts';

export interface PeerFigures {
  readonly notes: readonly string[];
  readonly workloads: ReadonlyMap<string, Figures>;
  readonly task: ChildTask;
}

interface Line {
  readonly title: string;
  readonly workload: string;
  readonly figure: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** How many times better than the peer it must be. */
  readonly targets?: Partial<Record<PeerName, number>>;
}

const RATE = { figure: 'perSecond', unit: 'a second', better: 'higher' } as const;
const TIME = { unit: 'us', better: 'lower' } as const;
const PROCESSOR = { ...TIME, figure: 'processorUs' } as const;
const BYTES = { unit: 'bytes a byte', better: 'lower' } as const;

const LINES: readonly Line[] = [
  line('fill until the first buffer is full', 'first buffers', RATE, { 'classic-level': 2 }),
  line('the same, at least', 'first buffers', { ...RATE, figure: 'leastPerSecond' }),
  line('the same, at most', 'first buffers', { ...RATE, figure: 'mostPerSecond' }),
  line('fill', 'fill', RATE, { 'classic-level': 1 }),
  line('fill, processor time', 'fill', PROCESSOR),
  ...latencies('fill, batch of 100', 'fill', 'batch'),
  line('fill, until it rests', 'fill', { figure: 'restedMs', unit: 'ms', better: 'lower' }),
  ...amplification('fill'),
  line('overwrite', 'overwrite', RATE, { 'classic-level': 1 }),
  ...amplification('overwrite'),
  line('batches of 100, each synced', 'synced batches', RATE),
  line('batch of 100, synced, p50', 'synced batches', { ...TIME, figure: 'batch-p50' }),
  line('batch of 100, synced, p99', 'synced batches', { ...TIME, figure: 'batch-p99' }),
  line('read hot, copied', 'read hot', RATE, { 'classic-level': 3, lmdb: 1 }),
  line('read hot, in place', 'read hot', { ...RATE, figure: 'inPlacePerSecond' }),
  line('read hot, copied, processor time', 'read hot', PROCESSOR),
  ...latencies('read hot', 'read hot', ''),
  line('read random', 'read random', RATE, { 'classic-level': 1.5 }),
  line('read random, processor time', 'read random', PROCESSOR),
  ...latencies('read random', 'read random', ''),
  line('read missing', 'read missing', RATE, { 'classic-level': 1, lmdb: 1 }),
  line('read missing, processor time', 'read missing', PROCESSOR),
  ...latencies('read missing', 'read missing', ''),
  line('scan all', 'scan all', RATE),
  line('scan all, processor time', 'scan all', PROCESSOR),
  line('mixed, much written before', 'mixed', RATE),
  ...latencies('mixed, at rest', 'mixed', 'calm'),
  ...latencies('mixed, much written before', 'mixed', 'busy'),
  ...latencies('its gets', 'mixed', 'busyGet'),
  ...amplification('mixed'),
  line(
    'all writes, written, of keys and values',
    'mixed',
    { ...BYTES, figure: 'writtenInAllPerByte' },
    { 'classic-level': 1 },
  ),
  line('open', 'open', { figure: 'milliseconds', unit: 'ms', better: 'lower' }),
  line('resident', 'memory', { figure: 'residentBytes', unit: 'bytes', better: 'lower' }),
  line('resident, at most', 'memory', {
    figure: 'residentBytesMax',
    unit: 'bytes',
    better: 'lower',
  }),
];

/** A p99.9 while it compacts of at most this many times the one at rest. */
const BUSY_FACTOR_MAX = 2;
/** Of the memory budget. */
const BUDGET_FACTOR_MAX = 1.25;

function line(
  title: string,
  workload: string,
  figure: Pick<Line, 'figure' | 'unit' | 'better'>,
  targets: Partial<Record<PeerName, number>> = {},
): Line {
  return { title, workload, ...figure, targets };
}

/**
 * Of keys and values, as the caller gave them: bytes that came to the device, merges until all is at rest
 * included; bytes of the store's files against those of all keys with their newest values. Of records:
 * the same over what a store is given in its own form; ours has a token, a dot and a clock with each.
 */
function amplification(workload: string): Line[] {
  const target = { 'classic-level': 1 };
  const of = (title: string, figure: string): Line =>
    line(`${workload}, ${title}`, workload, { ...BYTES, figure });
  return [
    { ...of('written, of keys and values', 'writtenPerByte'), targets: target },
    of('written, of records', 'writtenPerRecordByte'),
    { ...of('on disk, of keys and values', 'diskPerByte'), targets: target },
    of('on disk, of records', 'diskPerRecordByte'),
  ];
}

function latencies(title: string, workload: string, prefix: string): Line[] {
  return ['p50', 'p99', 'p99.9'].map((share) => {
    const figure = prefix === '' ? share : `${prefix}-${share}`;
    return line(`${title}, ${share}`, workload, { ...TIME, figure });
  });
}

export function resultsOf(
  valueBytes: number,
  measured: ReadonlyMap<PeerName, PeerFigures>,
): BenchResult[] {
  const ours = measured.get('clockwise')!;
  const results: BenchResult[] = [];
  for (const one of LINES) {
    const value = figureOf(ours, one);
    if (value === undefined) continue;
    const peers = [...measured.keys()].filter((name) => name !== 'clockwise').toSorted();
    if (peers.length === 0) results.push(resultFor(valueBytes, one, value));
    for (const peer of peers) {
      results.push(resultFor(valueBytes, one, value, peer, figureOf(measured.get(peer)!, one)));
    }
  }
  for (const [peer, figures] of measured) {
    results.push(...ownResults(valueBytes, peer, figures));
  }
  return results;
}

function figureOf({ workloads }: PeerFigures, { workload, figure }: Line): number | undefined {
  return workloads.get(workload)?.[figure];
}

function resultFor(
  valueBytes: number,
  { title, unit, better, targets }: Line,
  value: number,
  peer?: PeerName,
  peerValue?: number,
): BenchResult {
  const result = resultOf({
    name: `${valueBytes} B: ${title}`,
    value,
    unit,
    better,
    ...(peer === undefined ? {} : { peer }),
    ...(peerValue === undefined ? {} : { peerValue }),
  });
  const target = peer === undefined ? undefined : targets?.[peer];
  if (target === undefined || result.ratio === null) return result;
  return { ...result, note: `target ${target} x ${peer}: ${verdict(result.ratio >= target)}` };
}

/** What is compared with nobody: how much worse it is while compacting, memory within the budget. */
function ownResults(
  valueBytes: number,
  peer: PeerName,
  { notes, workloads, task }: PeerFigures,
): BenchResult[] {
  const mixed = workloads.get('mixed');
  const memory = workloads.get('memory');
  if (mixed === undefined || memory === undefined) return [];
  const own = (title: string, value: number, unit: string, note: string): BenchResult => {
    const name = `${valueBytes} B, ${peer}: ${title}`;
    return resultOf({ name, value, unit, better: 'lower', note });
  };
  const judged = (target: string, isReached: boolean): string =>
    peer === 'clockwise' ? `target ${target}: ${verdict(isReached)}; ` : '';
  const factor = mixed['busy-p99.9']! / mixed['calm-p99.9']!;
  const share = Math.round(mixed['busyShare']! * 100);
  const bytesMax = task.memoryBytes * BUDGET_FACTOR_MAX;
  const ofStore = memory['ofStore']!;
  const budget = `budget ${task.memoryBytes / 2 ** 20} MiB and a quarter`;
  const setting = `${task.keyCount} keys; values are half noise, and the same again; ${notes.join('; ')}`;
  return [
    own(
      'p99.9 of the mixed load, much written before, over at rest',
      factor,
      'x',
      `${judged(`at most ${BUSY_FACTOR_MAX}`, factor <= BUSY_FACTOR_MAX)}it says it is busy ${share} % of the time`,
    ),
    own(
      'resident, less files mapped and what the process had before',
      ofStore,
      'bytes',
      `${judged(budget, ofStore <= bytesMax)}${setting}`,
    ),
  ];
}

function verdict(isReached: boolean): string {
  return isReached ? 'ok' : 'MISSED';
}
