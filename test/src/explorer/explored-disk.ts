/**
 * The disk of an explored node: what its earlier openings left on it. It is made by opening, writing and
 * crashing a simulated disk just so, and read by the real recovery.
 */
import { assert } from '@clockwise/kernel/assert';
import type { OpenedShard } from '@clockwise/server/open-shard';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { CommitLogWriter } from '@clockwise/storage/log-writer';
import { checksum, openSimulatedShard } from '../simulation/shard-store.ts';
import { EXPLORED_LIMITS, type ExploredSetting, nodeName, SHARD } from './explored-setting.ts';

/** What one step of a log holds; 0: it appended nothing. */
export interface LoggedWords {
  readonly ranges: readonly Int32Array[];
  readonly lastSequence: number;
}

/** An earlier opening: its log, and how many steps of that survived it. */
export interface PastLog {
  readonly logged: readonly LoggedWords[];
  readonly keptSteps: number;
}

/** The disk as its openings and their ends left it. */
export function makeDisk(
  setting: ExploredSetting,
  node: number,
  past: readonly PastLog[],
): SimulatedDisk {
  const disk = new SimulatedDisk({ prng: setting.prng(node, 0).stream('disk') });
  past.forEach(({ logged, keptSteps }, index) => {
    const { logStart } = openOn(disk, setting, node, index + 1);
    const log = new CommitLogWriter({
      disk,
      checksum,
      start: logStart,
      segmentBytes: EXPLORED_LIMITS.logSegmentBytes,
      groupBytesMax: EXPLORED_LIMITS.logGroupBytesMax,
      sparesMax: 2,
    });
    assert(log.open().ok, 'the first segment of the log was made by the opening');
    for (const step of logged.slice(0, keptSteps)) writeStep(log, step);
    assert(log.sync().ok, 'an explored disk takes every sync');
    for (const step of logged.slice(keptSteps)) writeStep(log, step);
    disk.crash('drop-all');
  });
  return disk;
}

function writeStep(log: CommitLogWriter, { ranges, lastSequence }: LoggedWords): void {
  if (ranges.length === 0) return;
  const parts = ranges.map((words) => ({
    buffer: words.buffer as ArrayBuffer,
    fromWord: 0,
    toWord: words.length,
  }));
  assert(
    log.write(parts, log.writtenSequence + 1, lastSequence).ok,
    'an explored disk takes every write',
  );
}

/** Opens the store, as this opening of its node does (from 1). */
export function openOn(
  disk: SimulatedDisk,
  setting: ExploredSetting,
  node: number,
  boot: number,
): Extract<OpenedShard, { readonly ok: true }> {
  const opened = openSimulatedShard({
    disk,
    limits: EXPLORED_LIMITS,
    shard: SHARD,
    shardCount: 1,
    storeId: { low: node + 1, high: 0 },
    partitionBits: setting.partitionBits,
    prng: setting.prng(node, boot).stream('opening'),
  });
  assert(opened.ok, `the store of ${nodeName(node)} opens: ${opened.ok ? '' : opened.reason}`);
  return opened;
}
