/**
 * What one run is made of: plain data, drawn from the seed, printed when the run fails.
 *
 * Invariants:
 *   CF1 equal seeds draw equal configurations
 */
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { LEVEL } from '@clockwise/protocol/frame';
import type { Pace } from '@clockwise/server/configuration';
import type { HostPace } from '@clockwise/simulator/actor-host';
import type { LogPace } from '@clockwise/simulator/durable-lane';
import type { LinkFaults } from '@clockwise/simulator/link-faults';
import { drawFaultRates, type FaultRates } from './fault-schedule.ts';
import type { ClientPace } from './simulated-client.ts';

export type WorkloadName =
  'set-add' | 'set-add-stale' | 'mixed' | 'blind' | 'contextual' | 'register' | 'recreate';

export interface NodePace extends HostPace {
  readonly log: LogPace;
  /** Mean milliseconds of a read from disk and of a job. */
  readonly diskMeanMs: number;
  /** Probability that a published value is served old. */
  readonly staleProbability: number;
  /** Words that may wait in the channel to a shard. */
  readonly channelWordsMax: number;
}

export interface SimulationConfiguration {
  readonly seed: string;
  readonly nodeCount: number;
  /** Nodes are spread over so many data centres, and these over so many racks each. */
  readonly dataCentreCount: number;
  readonly racksPerDataCentre: number;
  readonly shardCount: number;
  /** Of each object. */
  readonly copies: number;
  /** Whether copies are counted per data centre, where they go evenly into all of them. */
  readonly isPerDataCentre: boolean;
  readonly partitionBits: number;
  readonly clientCount: number;
  readonly keyCount: number;
  readonly workload: WorkloadName;
  readonly valueBytesMax: number;
  /** Levels that operations name. */
  readonly readLevels: readonly number[];
  readonly writeLevels: readonly number[];
  /** Of all operations: only primaries may count. Of gets: no later one may answer with less. */
  readonly strictShare: number;
  readonly monotonicShare: number;
  /** Bucket 1 is `sync`; 2 is `interval`; 3 is `lww` and `sync`. */
  readonly bucketIds: readonly number[];
  readonly workMs: number;
  readonly clientPace: ClientPace;
  readonly pace: NodePace;
  readonly links: LinkFaults;
  readonly faults: FaultRates;
  /** Faults may destroy every copy of anything: only lies are judged then; see fault-atlas. */
  readonly isBeyondBudget: boolean;
  readonly clockOffsetMaxMs: number;
  /** Millionths by which a clock may run fast or slow. */
  readonly clockDriftMax: number;
  /** Of heartbeats, and of comparisons of hash trees. */
  readonly actorPace: Pace;
  /** The probability that a site of the cores forces its rarity in this run; see probe-run. */
  readonly buggifySiteProbability: number;
  readonly limits: Limits;
}

export const BUCKET = { sync: 1, interval: 2, lww: 3 } as const;

export function drawConfiguration(seed: string): SimulationConfiguration {
  const prng = new Prng(seed).stream('configuration');
  const nodeCount = prng.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7, 9]);
  const copiesDrawn = Math.min(nodeCount, prng.pick([1, 2, 3, 3, 3, 3, 4, 5]));
  const workload = prng.pick<WorkloadName>([
    'set-add',
    'set-add-stale',
    'mixed',
    'blind',
    'contextual',
    'register',
    'recreate',
  ]);
  // Registers are judged as such where one copy orders all writes.
  const copiesTotal = workload === 'register' && prng.chance(0.7) ? 1 : copiesDrawn;
  const dataCentreCount = prng.stream('data-centres').pick([1, 1, 2, 2, 3]);
  const copiesPerCentre = drawCopiesPerCentre(prng.stream('copies'), nodeCount, dataCentreCount);
  const isPerDataCentre = copiesTotal > 1 && copiesPerCentre > 0;
  const copies = isPerDataCentre ? copiesPerCentre * dataCentreCount : copiesTotal;
  const limits = {
    ...drawLimits(prng.stream('limits')),
    ...drawStoreLimits(prng.stream('store')),
    ...drawHintLimits(prng.stream('hints')),
  };
  const pace = drawPace(prng.stream('pace'));
  const links = drawLinks(prng.stream('links'));
  // A record fits a chunk of memory, and must fit through any channel: rings and sockets let it through.
  const frameWordsMax = limits.memtableChunkBytes / 4;
  return {
    seed,
    nodeCount,
    dataCentreCount,
    racksPerDataCentre: prng.stream('racks').pick([1, 2, 9]),
    shardCount: prng.pick([1, 1, 2, 3]),
    copies,
    isPerDataCentre,
    partitionBits: prng.pick([3, 4, 5]),
    clientCount: prng.between(2, 12),
    keyCount: prng.pick([1, 3, 8, 30, 200]),
    workload,
    valueBytesMax: prng.pick([24, 64, 400, 1500, limits.valueBytesMax]),
    ...drawLevels(prng.stream('levels'), workload, {
      copies,
      hasLocalCopies: isPerDataCentre || dataCentreCount === 1,
    }),
    strictShare: prng.stream('strict').pick([0.15, 0.15, 0.15, 1]),
    monotonicShare: 0.2,
    bucketIds: drawBuckets(prng.stream('buckets'), workload),
    workMs: prng.pick([4000, 8000, 15_000]),
    clientPace: {
      attemptMs: prng.pick([300, 800, 1500]),
      patienceMs: 5000,
      thinkMeanMs: prng.pick([1, 5, 30]),
      backoffMeanMs: 40,
    },
    pace: { ...pace, channelWordsMax: Math.max(pace.channelWordsMax, frameWordsMax) },
    links: { ...links, connectionWordsMax: Math.max(links.connectionWordsMax, frameWordsMax) },
    faults: drawFaultRates(prng.stream('faults')),
    isBeyondBudget: prng.stream('fault-atlas').chance(0.06),
    clockOffsetMaxMs: prng.pick([0, 200, 10_000, 120_000]),
    clockDriftMax: prng.pick([0, 500, 20_000]),
    actorPace: { heartbeatMs: prng.pick([100, 300, 1000]), compareMs: prng.pick([500, 3000]) },
    buggifySiteProbability: prng.stream('buggify').pick([0, 0.25, 0.25]),
    limits,
  };
}

/** Copies in each data centre, as far as each has nodes for them; 0: they are not counted so. */
function drawCopiesPerCentre(prng: Prng, nodeCount: number, dataCentreCount: number): number {
  const isPerCentre = dataCentreCount > 1 && prng.chance(0.6);
  const nodesOfEach = Math.floor(nodeCount / dataCentreCount);
  return isPerCentre ? Math.min(prng.pick([1, 2, 2, 3]), nodesOfEach) : 0;
}

function drawLevels(
  prng: Prng,
  workload: WorkloadName,
  { copies, hasLocalCopies }: { readonly copies: number; readonly hasLocalCopies: boolean },
): { readonly readLevels: readonly number[]; readonly writeLevels: readonly number[] } {
  // A put's answer covers what its replica held: whoever puts with that context must read what is
  // acknowledged before.
  if (workload === 'set-add-stale') {
    return { readLevels: [LEVEL.quorum], writeLevels: [LEVEL.quorum] };
  }
  const any = Array.from({ length: copies }, (_, index) => index + 1);
  // Once in a while one that asks for more copies than there are, which must be refused.
  const named = [
    LEVEL.one,
    LEVEL.quorum,
    LEVEL.all,
    LEVEL.bucketDefault,
    LEVEL.eachQuorum,
    LEVEL.localQuorum,
  ];
  const local = hasLocalCopies ? LEVEL.localQuorum : LEVEL.quorum;
  const every = [...any, ...any, ...named, ...named, copies + 1];
  const [readLevels, writeLevels] = prng.pick<readonly (readonly number[])[]>([
    [[LEVEL.quorum], [LEVEL.quorum]],
    [[LEVEL.bucketDefault], [LEVEL.bucketDefault]],
    [any, any],
    [[LEVEL.one], [LEVEL.all]],
    [[LEVEL.all], [LEVEL.one]],
    [[LEVEL.one], [LEVEL.one, LEVEL.all]],
    [every, every],
    [[local], [local]],
    [[local, LEVEL.one], [LEVEL.eachQuorum]],
  ]);
  return { readLevels: readLevels!, writeLevels: writeLevels! };
}

function drawBuckets(prng: Prng, workload: WorkloadName): readonly number[] {
  if (workload === 'set-add' || workload === 'set-add-stale') return [BUCKET.sync];
  const buckets: readonly number[][] = [
    [BUCKET.sync],
    [BUCKET.sync],
    [BUCKET.sync, BUCKET.interval, BUCKET.lww],
  ];
  return prng.pick(buckets);
}

function drawPace(prng: Prng): NodePace {
  return {
    wakeMeanMs: prng.pick([0, 0.01, 0.05, 0.5, 3]),
    partialProbability: prng.pick([0, 0.2, 0.5]),
    diskMeanMs: prng.pick([0.2, 2, 20]),
    staleProbability: prng.pick([0, 0.3, 0.8]),
    channelWordsMax: prng.pick([2048, 1 << 16, 1 << 20]),
    log: {
      writeMeanMs: prng.pick([0.02, 0.2, 2]),
      syncMinMs: 0.1,
      syncMeanMs: prng.pick([0.3, 3, 25]),
      partialProbability: prng.pick([0, 0.3]),
    },
  };
}

/** A calm network, one with some of all that may go wrong, or a slow one of narrow links. */
function drawLinks(prng: Prng): LinkFaults {
  const mode = prng.chance(0.5) ? 'stream' : 'datagram';
  const isFaulty = prng.chance(0.75);
  const rate = (choices: readonly number[]): number =>
    isFaulty && prng.chance(0.7) ? prng.unit() * prng.pick(choices) : 0;
  const isNarrow = isFaulty && prng.chance(0.3);
  return {
    mode,
    delayMinMs: prng.pick([0.05, 0.5, 0.5, 5, 20]),
    delayMeanMs: prng.pick([0.1, 1, 1, 10, 40]),
    unevenness: isFaulty ? prng.pick([0, 0.3, 1]) : 0,
    // A request takes some six frames: what is lost more often than this hides all else.
    lossProbability: mode === 'stream' ? rate([0.003]) : rate([0.02, 0.1, 0.3]),
    duplicateProbability: rate([0.05, 0.5]),
    holdProbability: rate([0.05]),
    holdMeanMs: prng.pick([20, 200]),
    halfOpenProbability: rate([0.5]),
    stallMeanMs: prng.pick([300, 2000]),
    connectionWordsMax: prng.pick([1 << 14, 1 << 20]),
    connectionFramesMax: isNarrow ? prng.between(2, 20) : 1 << 12,
  };
}

function drawLimits(prng: Prng): Limits {
  const memtableChunksMax = prng.pick([6, 8, 16]);
  // Once in a while values of up to 64 KB, and chunks that hold a few of them.
  const valueBytesMax = prng.pick([2048, 2048, 2048, 2048, 2048, 2048, 10_240, 65_536]);
  const chunkBytesMin = 8 * valueBytesMax;
  const memtableChunkBytes = Math.max(
    prng.pick([1 << 14, 1 << 14, 1 << 15, 1 << 16]),
    chunkBytesMin,
  );
  return {
    ...DEFAULT_LIMITS,
    connectionsMax: 64,
    requestsInFlightMax: prng.pick([4, 64, 256]),
    replicaOperationsInFlightMax: prng.pick([32, 256]),
    parkedOperationsMax: prng.pick([16, 256]),
    memtableChunkBytes,
    // A chunk must hold the join of what all replicas may have let in.
    siblingBytesMax: memtableChunkBytes >> 3,
    valueBytesMax,
    memtableChunksMax,
    memtableFrozenMax: memtableChunksMax - 4,
    logSegmentBytes: prng.pick([1 << 12, 1 << 12, 1 << 14, 1 << 16]),
    logGroupBytesMax: 1 << 14,
    logIntervalMs: 200,
    handshakeTimeoutMs: 1500,
    siblingsMax: 100,
    // More than a run opens stores, so that no incarnation retires: retired.test.ts has runs in which they do.
    contextEntriesMax: 256,
    requestTimeoutMs: 1500,
    tableBlockBytes: prng.pick([512, 4096]),
    diskReserveBytes: 1 << 14,
  };
}

/** So small that a run of some seconds merges, moves tables down and fills caches. */
function drawStoreLimits(
  prng: Prng,
): Pick<
  Limits,
  | 'runsMin'
  | 'runsSlow'
  | 'runsMax'
  | 'tableBytes'
  | 'levelBytes1'
  | 'levelFanout'
  | 'tableCodec'
  | 'blockCacheBytes'
> {
  return {
    runsMin: prng.between(2, 4),
    // Where merges fall behind, writes are slowed and refused in some runs.
    runsSlow: prng.pick([5, 8]),
    runsMax: prng.pick([9, 16]),
    tableBytes: prng.pick([4096, 16_384, 65_536]),
    levelBytes1: prng.pick([32_768, 65_536, 262_144]),
    levelFanout: prng.between(2, 8),
    tableCodec: prng.pick(TABLE_CODECS),
    blockCacheBytes: prng.pick([0, 16_384, 65_536]),
  };
}

/** So small that what is kept for others passes its bounds in some runs. */
function drawHintLimits(
  prng: Prng,
): Pick<
  Limits,
  | 'lateAcksMs'
  | 'hintBytesMax'
  | 'hintAgeSecondsMax'
  | 'owedMarksMax'
  | 'handOffWindowMax'
  | 'handOffPageBytes'
  | 'handOffTargetsMax'
  | 'repairsInFlightMax'
> {
  return {
    lateAcksMs: prng.pick([20, 100, 250]),
    hintBytesMax: prng.pick([4096, 65_536, 1 << 20]),
    handOffWindowMax: prng.between(1, 8),
    handOffPageBytes: prng.pick([2048, 65_536]),
    handOffTargetsMax: prng.between(1, 4),
    repairsInFlightMax: prng.pick([2, 256]),
    hintAgeSecondsMax: prng.pick([2, 10_800]),
    owedMarksMax: prng.pick([4, 1_000_000]),
  };
}

/** JSON has no Infinity. */
export function configurationText(configuration: SimulationConfiguration): string {
  return JSON.stringify(
    configuration,
    (_, value: unknown) => (value === Infinity ? 'never' : value),
    2,
  );
}
