/**
 * The simulator's speed: five nodes under 200 operations a virtual second, with faults, in one thread:
 * how many times faster than real time that is, and how many events, faults and operations a second.
 */
import type { Limits } from '@clockwise/kernel/limits';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { BUCKET, drawConfiguration } from './configuration.ts';
import { NO_FAULTS } from './fault-schedule.ts';
import { planOf, type RunPlan } from './run-plan.ts';
import { runPlan } from './run-seed.ts';

/** While these run, the compiler is at work: they are shown, and not counted. */
const WARM_UP_SEEDS = 2;
/** Several, and the median of their speeds: one alone says little on a shared machine. */
const COUNTED_SEEDS = 9;
const WORK_MS = 60_000;
const CLIENTS = 10;
const OPERATIONS_A_SECOND = 200;
const OPERATION_MS = 6;

export function loadedPlan(seed: string): RunPlan {
  return planOf(seed, {
    nodeCount: 5,
    dataCentreCount: 1,
    racksPerDataCentre: 5,
    shardCount: 1,
    copies: 3,
    isPerDataCentre: false,
    strictShare: 0,
    monotonicShare: 0,
    partitionBits: 5,
    clientCount: CLIENTS,
    keyCount: 200,
    workload: 'mixed',
    readLevels: [LEVEL.quorum],
    writeLevels: [LEVEL.quorum],
    workMs: WORK_MS,
    valueBytesMax: 400,
    bucketIds: [BUCKET.sync],
    buggifySiteProbability: 0,
    clockOffsetMaxMs: 200,
    clockDriftMax: 500,
    isBeyondBudget: false,
    clientPace: {
      attemptMs: 800,
      patienceMs: 5000,
      // An operation takes some milliseconds by itself.
      thinkMeanMs: (CLIENTS * 1000) / OPERATIONS_A_SECOND - OPERATION_MS,
      backoffMeanMs: 40,
    },
    // Threads and disks of a machine that is well; memtables that are flushed now and then.
    pace: {
      wakeMeanMs: 0,
      partialProbability: 0.1,
      diskMeanMs: 0.2,
      staleProbability: 0.1,
      channelWordsMax: 1 << 16,
      log: { writeMeanMs: 0.02, syncMinMs: 0.1, syncMeanMs: 0.3, partialProbability: 0.1 },
    },
    limits: loadedLimits(seed),
    // Heartbeats and comparisons as a real node has them.
    actorPace: { heartbeatMs: 1000, compareMs: 5000 },
    links: { ...CALM_LINKS, mode: 'stream' },
    // One fault in ten virtual seconds, of several kinds.
    faults: { ...NO_FAULTS, crashMs: 30_000, partitionMs: 30_000, resetMs: 30_000 },
  });
}

function loadedLimits(seed: string): Limits {
  return {
    ...drawConfiguration(seed).limits,
    memtableChunkBytes: 1 << 16,
    memtableChunksMax: 16,
    memtableFrozenMax: 12,
    siblingBytesMax: 1 << 13,
    valueBytesMax: 2048,
    contextEntriesMax: 64,
    logSegmentBytes: 1 << 18,
    logGroupBytesMax: 1 << 16,
    requestsInFlightMax: 256,
    replicaOperationsInFlightMax: 256,
    parkedOperationsMax: 256,
    tableBlockBytes: 4096,
    // Merges as a real node has them, at a scale at which there are some.
    runsMin: 4,
    runsSlow: 8,
    runsMax: 16,
    tableBytes: 1 << 16,
    levelBytes1: 1 << 18,
    levelFanout: 8,
    tableCodec: 0,
    blockCacheBytes: 1 << 16,
  };
}

export function loadedLines(): string[] {
  const lines: string[] = [];
  const speeds: number[] = [];
  const cpuSpeeds: number[] = [];
  for (let number = 1; number <= WARM_UP_SEEDS + COUNTED_SEEDS; number += 1) {
    const seed = String(number);
    const isWarmUp = number <= WARM_UP_SEEDS;
    const begunAt = performance.now();
    const cpuAt = process.cpuUsage();
    const { counters, violations } = runPlan(loadedPlan(seed));
    const seconds = (performance.now() - begunAt) / 1000;
    const { user, system } = process.cpuUsage(cpuAt);
    const cpuSeconds = (user + system) / 1e6;
    const speed = counters.virtualMs / 1000 / seconds;
    if (!isWarmUp) cpuSpeeds.push(counters.virtualMs / 1000 / cpuSeconds);
    const a = (value: number): string => Math.round(value / seconds).toLocaleString('en');
    if (!isWarmUp) speeds.push(speed);
    lines.push(
      `${isWarmUp ? 'warm-up' : 'seed'} ${seed}: ${(counters.virtualMs / 1000).toFixed(1)} virtual seconds in ${seconds.toFixed(2)} s, ` +
        `${speed.toFixed(0)} x real time (${cpuSeconds.toFixed(2)} s of processor time); ` +
        `a second: ${a(counters.events)} events, ` +
        `${a(counters.faults)} faults, ${a(counters.operations)} operations` +
        (violations.length === 0 ? '' : `; FAILED: ${violations[0]!.text}`),
    );
  }
  return [
    ...lines,
    `median of ${COUNTED_SEEDS}: ${medianOf(speeds).toFixed(0)} x real time, one core, five nodes; ` +
      `${medianOf(cpuSpeeds).toFixed(0)} x by processor time, all threads of the process`,
  ];
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1]!;
}
