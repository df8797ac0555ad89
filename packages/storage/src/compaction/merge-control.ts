/**
 * A store's merges, one at a time and beat by beat: picks, hands out jobs, counts, and plans the
 * edition in which the outputs replace the inputs. Pure; its owner has the jobs run and publishes.
 *
 *     idle --beginBeat--> a beat is under way --beatDone 'more'--> between beats --beginBeat--> ...
 *       ^                        |                                                  |
 *       '---- published <---- 'ended': planned            beatFailed: thrown away --'
 *
 * Invariants:
 *   CG1 one merge at a time, and none while the edition of the one before is not durable
 *   CG2 inputs stay until an edition with all outputs is planned; a merge that fails leaves them alone
 *   CG3 inputs that could not be read are left alone, and tried again after a delay that grows
 *   CG4 a merge that did not read each record of its inputs (merge-counts.ts, MJ2) is thrown away
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import { tableName } from '../file-names.ts';
import type { JobInput } from '../jobs.ts';
import type { TableMetadata } from '../manifest.ts';
import type { TableParts } from '../sstable-reader.ts';
import type { StoreVersions } from '../store-versions.ts';
import type { KeyBound } from '../table-cursor.ts';
import { BlockedTables } from './blocked-tables.ts';
import { addCounts, countsAll, lostRecords, type MergeCounts, noCounts } from './merge-counts.ts';
import type { MergeInput, MergeOutput } from './merge-job.ts';
import { outdatedShares } from './outdated-share.ts';
import { countRunsToLower, pickMerge } from './pick.ts';
import type { Pick, PickOptions } from './picking.ts';
import { RewrittenTables } from './rewritten-tables.ts';
import type { DropHorizon } from './version-merge.ts';

export interface MergeControlOptions {
  readonly runsMin: number;
  readonly tableBytes: number;
  readonly levelBytes1: number;
  readonly levelFanout: number;
  readonly levelsMax: number;
  readonly tableBlockBytes: number;
  readonly tableCodec: number;
  readonly bloomBitsPerKey: number;
  readonly combine: string;
  /**
   * Asked when a merge is looked for and when it begins. REQUIRES: it only rises; its tombstones are
   * another array when they change.
   */
  readonly horizon: () => DropHorizon;
  /** What time it is; it only rises. */
  readonly nowMs: () => number;
}

/** Runs of level 0 that one merge reads at the most. */
export const RUNS_AT_ONCE_MAX = 16;

/** Nothing is known to be unneeded. */
export const NO_HORIZON: DropHorizon = {
  expiredBeforeSeconds: 0,
  partitionBits: 0,
  tombstonesBeforeSeconds: undefined,
};

export interface MergeFigures {
  bytesMergedIn: number;
  bytesMergedOut: number;
  mergesEnded: number;
  mergesFailed: number;
  /** Tables in the store that a merge could not read. */
  mergesBlocked: number;
  recordsDroppedOlder: number;
  recordsDroppedRange: number;
  recordsDroppedTombstone: number;
  recordsFolded: number;
  recordsExpired: number;
}

type MergePick = Extract<Pick, { readonly kind: 'merge' }>;

const NO_SHARES: ReadonlyMap<number, number> = new Map();

/** How far values must have expired for another look at tables that did not change. */
const LOOK_AGAIN_SECONDS = 60;

interface PickBasis {
  readonly version: number;
  readonly horizon: DropHorizon;
  readonly isAtRest: boolean;
  /** A table that was left alone may be tried again. */
  readonly untilMs: number;
}

interface RunsToLower {
  readonly version: number;
  readonly count: number;
}

/** A merge between its first beat and its edition. */
interface Merge {
  readonly pick: MergePick;
  readonly pin: number;
  /** All that its beats have in common: fixed when it begins. */
  readonly input: Omit<MergeInput, 'after' | 'fileNumber'>;
  readonly counts: MergeCounts;
  readonly outputs: TableParts[];
  after: KeyBound | undefined;
  /** Of the beat under way; 0: none is. */
  fileNumber: number;
}

export class MergeControl {
  readonly #versions: StoreVersions;
  readonly #options: MergeControlOptions;
  readonly #figures: MergeFigures = noFigures();
  readonly #rewritten: RewrittenTables = new RewrittenTables();
  readonly #roundRobin: Map<number, KeyBound> = new Map();
  #merge: Merge | undefined = undefined;
  /** [CG3] */
  readonly #blocked: BlockedTables = new BlockedTables();
  /** What was picked last, for as long as nothing has changed that it was picked by. */
  #pick: Pick | undefined = undefined;
  #pickedBy: PickBasis | undefined = undefined;
  #toLower: RunsToLower | undefined = undefined;
  #isAtRest = false;

  constructor(versions: StoreVersions, options: MergeControlOptions) {
    this.#versions = versions;
    this.#options = options;
  }

  get figures(): Readonly<MergeFigures> {
    this.#blocked.forgetGone(this.#versions.manifest.tables);
    return { ...this.#figures, mergesBlocked: this.#blocked.size };
  }

  get isUnderWay(): boolean {
    return this.#merge !== undefined;
  }

  /** The merge that is under way reads runs of level 0. */
  get takesRuns(): boolean {
    return this.#merge?.pick.inputs[0]!.level === 0;
  }

  /**
   * Whether nobody writes, so that few runs are worth a merge, too, and outdated records. What is under way
   * goes on: thrown away it would have been written for nothing.
   */
  rest(isAtRest: boolean): void {
    this.#isAtRest = isAtRest;
  }

  /** How urgent a beat is, in thousandths; 0: there is nothing to merge, or a beat is under way. */
  wanted(): number {
    if (this.#merge !== undefined) {
      return this.#merge.fileNumber === 0 ? this.#merge.pick.score : 0;
    }
    return this.#look()?.score ?? 0;
  }

  /**
   * How many runs of level 0 merges could make fewer, by what is known to be unreadable: also when it is
   * time to try such a table again, for it will hardly have healed.
   */
  runsToLower(): number {
    const { version, manifest } = this.#versions;
    const known = this.#toLower;
    if (known !== undefined && known.version === version) return known.count;
    const options = this.#pickOptions(this.#options.horizon());
    const count = countRunsToLower(manifest, this.#blocked.all(), options);
    this.#toLower = { version, count };
    return count;
  }

  /**
   * The next beat. Undefined: there is none, or a table moved to another level, by an edition that
   * waits to be published.
   */
  beginBeat(): JobInput | undefined {
    const merge = this.#merge ?? this.#begin();
    // [CG1]
    if (merge === undefined || merge.fileNumber !== 0) return undefined;
    merge.fileNumber = this.#versions.takeFileNumbers(1);
    const { after, fileNumber } = merge;
    return { kind: 'merge', input: { ...merge.input, after, fileNumber } };
  }

  /** The beat under way is done. 'ended': an edition waits to be published. */
  beatDone(output: MergeOutput): 'more' | 'ended' | 'thrown-away' {
    const merge = this.#merge;
    assert(merge !== undefined && merge.fileNumber !== 0, 'CG1 a beat is under way');
    merge.fileNumber = 0;
    addCounts(merge.counts, output.counts);
    this.#figures.bytesMergedIn += output.bytesRead;
    this.#figures.bytesMergedOut += output.bytesWritten;
    if (output.parts !== undefined) merge.outputs.push(output.parts);
    merge.after = output.next;
    if (output.next !== undefined) return 'more';
    // [CG4]
    if (!countsAll(merge.counts, merge.pick.inputs)) {
      this.#block(merge.pick.inputs);
      this.#throwAway(merge);
      return 'thrown-away';
    }
    this.#end(merge);
    return 'ended';
  }

  /**
   * The beat under way failed, or its thread died: the inputs stay, the outputs go. [CG2]
   * `unreadable`: the number of the table that it could not read, if it was that.
   */
  beatFailed(failure: DiskFailure, unreadable?: number): void {
    const merge = this.#merge;
    assert(merge !== undefined && merge.fileNumber !== 0, 'CG1 a beat is under way');
    const { inputs } = merge.pick;
    // A full disk and a lack of descriptors pass; what cannot be read stays so.
    if (unreadable !== undefined) {
      this.#block(inputs.filter(({ fileNumber }) => fileNumber === unreadable));
    } else if (failure !== 'ENOSPC' && failure !== 'EMFILE') {
      this.#block(inputs);
    }
    this.#throwAway(merge);
  }

  #look(): Pick | undefined {
    // [CG1]
    if (this.#versions.areTablesChanging) return undefined;
    const horizon = this.#options.horizon();
    const nowMs = this.#options.nowMs();
    if (this.#isAsPicked(horizon, nowMs)) return this.#pick;
    const { version, manifest } = this.#versions;
    const isAtRest = this.#isAtRest;
    this.#pickedBy = { version, horizon, isAtRest, untilMs: this.#blocked.nextTryMs(nowMs) };
    this.#rewritten.forgetGone(manifest.tables);
    this.#blocked.forgetGone(manifest.tables);
    const blocked = this.#blocked.at(nowMs);
    const options = this.#pickOptions(horizon);
    const withShares = isAtRest
      ? { ...options, outdatedShares: outdatedShares(this.#versions.levels) }
      : options;
    this.#pick = pickMerge(manifest, blocked, this.#roundRobin, withShares);
    return this.#pick;
  }

  #pickOptions(horizon: DropHorizon): PickOptions {
    const { runsMin, tableBytes, levelBytes1, levelFanout, levelsMax } = this.#options;
    return {
      runsMin,
      runsAtOnce: RUNS_AT_ONCE_MAX,
      tableBytes,
      levelBytes1,
      fanout: levelFanout,
      levelsMax,
      expiredBeforeSeconds: horizon.expiredBeforeSeconds,
      canDropTombstones: horizon.tombstonesBeforeSeconds !== undefined,
      isAtRest: this.#isAtRest,
      outdatedShares: NO_SHARES,
      ...this.#rewritten.under(horizonSeconds(horizon)),
    };
  }

  #isAsPicked(
    { expiredBeforeSeconds, tombstonesBeforeSeconds }: DropHorizon,
    nowMs: number,
  ): boolean {
    const basis = this.#pickedBy;
    return (
      basis !== undefined &&
      basis.version === this.#versions.version &&
      nowMs < basis.untilMs &&
      basis.isAtRest === this.#isAtRest &&
      basis.horizon.tombstonesBeforeSeconds === tombstonesBeforeSeconds &&
      expiredBeforeSeconds - basis.horizon.expiredBeforeSeconds < LOOK_AGAIN_SECONDS
    );
  }

  #begin(): Merge | undefined {
    const pick = this.#look();
    if (pick === undefined) return undefined;
    this.#pickedBy = undefined;
    if (pick.kind === 'move') {
      this.#goRound(pick.table);
      this.#versions.planMove(pick.table, pick.outputLevel);
      return undefined;
    }
    const { manifest } = this.#versions;
    const { tableBytes, tableBlockBytes, tableCodec, bloomBitsPerKey, combine } = this.#options;
    this.#merge = {
      pick,
      pin: this.#versions.pin(),
      input: {
        inputs: pick.inputs,
        outputLevel: pick.outputLevel,
        isBottom: pick.isBottom,
        outputBytesMax: tableBytes,
        storeIdLow: manifest.storeIdLow,
        storeIdHigh: manifest.storeIdHigh,
        blockBytes: tableBlockBytes,
        codec: tableCodec,
        bloomBitsPerKey,
        horizon: this.#options.horizon(),
        rangeDrops: manifest.rangeDrops,
        combine,
      },
      counts: noCounts(),
      outputs: [],
      after: undefined,
      fileNumber: 0,
    };
    return this.#merge;
  }

  /** [CG2] The outputs count from the next edition on. */
  #end(merge: Merge): void {
    const { pick, counts, outputs, input } = merge;
    this.#merge = undefined;
    this.#versions.unpin(merge.pin);
    this.#versions.planMerge(pick.inputs, outputs, lostRecords(counts));
    const top = pick.inputs[0]!;
    if (top.level > 0) this.#goRound(top);
    const seconds = horizonSeconds(input.horizon);
    for (const { footer } of outputs) {
      this.#rewritten.add(footer.table.fileNumber, { seconds, isBottom: pick.isBottom });
    }
    const figures = this.#figures;
    figures.mergesEnded += 1;
    figures.recordsDroppedOlder += counts.droppedOlder;
    figures.recordsDroppedRange += counts.droppedRange;
    figures.recordsDroppedTombstone += counts.droppedTombstone;
    figures.recordsFolded += counts.folded;
    figures.recordsExpired += counts.expiredRewritten;
  }

  #throwAway(merge: Merge): void {
    const outputs = merge.outputs.map(({ footer }) => footer.table.fileNumber);
    // A beat that failed may have left its file behind.
    if (merge.fileNumber !== 0) outputs.push(merge.fileNumber);
    this.#merge = undefined;
    this.#pickedBy = undefined;
    this.#versions.unpin(merge.pin);
    this.#versions.discard(outputs.map(tableName));
    this.#figures.mergesFailed += 1;
  }

  #goRound({ level, lastBucketId, lastTokenHigh, lastTokenLow }: TableMetadata): void {
    const place = { bucketId: lastBucketId, tokenHigh: lastTokenHigh, tokenLow: lastTokenLow };
    this.#roundRobin.set(level, place);
  }

  /** [CG3] */
  #block(tables: readonly TableMetadata[]): void {
    const nowMs = this.#options.nowMs();
    for (const { fileNumber } of tables) this.#blocked.block(fileNumber, nowMs);
    this.#pickedBy = undefined;
    this.#toLower = undefined;
  }
}

function horizonSeconds({ expiredBeforeSeconds, tombstonesBeforeSeconds }: DropHorizon): number {
  let seconds = expiredBeforeSeconds;
  for (const before of tombstonesBeforeSeconds ?? []) seconds = Math.max(seconds, before);
  return seconds;
}

function noFigures(): MergeFigures {
  return {
    bytesMergedIn: 0,
    bytesMergedOut: 0,
    mergesEnded: 0,
    mergesFailed: 0,
    mergesBlocked: 0,
    recordsDroppedOlder: 0,
    recordsDroppedRange: 0,
    recordsDroppedTombstone: 0,
    recordsFolded: 0,
    recordsExpired: 0,
  };
}
