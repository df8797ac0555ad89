/**
 * The one writer of a shard's commit log: groups into segments, one gathered write each, synced when
 * the caller says so. Runs in the log writer's thread (the simulator calls it inline).
 *
 *     open segment:   header | groups ... | zeros ahead of the groups
 *     full segments:  wait until the durable flush point passes them, then become spares
 *     spares:         renamed, given a new header and overwritten: a sync of a file that does not
 *                     grow is twice as fast
 *
 * Invariants:
 *   LW1 groups lie in order of sequence, without a gap, and only behind a durable segment name
 *   LW2 a segment is left only when all of it is durable
 *   LW3 after the first error nothing is written or synced any more (F5)
 *   LW4 a segment is recycled only past the floor, and only one of this opening (H5)
 *   LW5 what a full disk refuses is written again, whole and at its place, in the room of a reserve
 *       file; a sync is never tried again (F17)
 *   LW6 a segment that something was written to is not opened by a second writer (F6)
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, DONE, type FileHandle } from './disk.ts';
import { logName } from './file-names.ts';
import {
  GROUP,
  GROUP_HEADER_BYTES,
  GROUP_HEADER_WORDS,
  GROUP_MAGIC,
  segmentHeader,
  SEGMENT_HEADER_BYTES,
  writeSequence,
} from './log-format.ts';
import { byteCountOf, splitGroups } from './log-groups.ts';
import { GroupPayload } from './log-payload.ts';
import { takeReserve } from './reserve.ts';
import { bytesOf, checksumWords, writeWhole } from './whole-transfer.ts';

/** Zeros are written this far ahead of the groups, where the file is new and groups are synced. */
const ZEROS_AHEAD_BYTES = 1024 * 1024;

/** Words [fromWord, toWord) of a chunk: whole [prefix | record] runs. */
export interface LogRange {
  readonly buffer: SharedArrayBuffer | ArrayBuffer;
  readonly fromWord: number;
  readonly toWord: number;
}

/** A segment that takes no more groups, and the last sequence in it. */
export interface FullSegment {
  readonly opening: number;
  readonly index: number;
  readonly lastSequence: number;
}

/** Where a log begins: made by `openStore`, plain data for the writer's thread. */
export interface LogStart {
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly opening: number;
  /** The index of the first segment, which exists and is empty. */
  readonly firstIndex: number;
  readonly firstSequence: number;
  /** Segments of earlier openings that the floor has not passed. */
  readonly earlier: readonly FullSegment[];
}

export interface CommitLogOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly start: LogStart;
  readonly segmentBytes: number;
  readonly groupBytesMax: number;
  /** Recycled files that are kept for later segments. */
  readonly sparesMax: number;
}

export class CommitLogWriter {
  readonly #options: CommitLogOptions;
  readonly #header: Int32Array = new Int32Array(GROUP_HEADER_WORDS);
  readonly #payload: GroupPayload = new GroupPayload();
  #zeros: Uint8Array = new Uint8Array(0);
  #file: FileHandle = -1;
  #index: number;
  #position = SEGMENT_HEADER_BYTES;
  /** Bytes of the open file that exist already: overwriting them does not grow it. */
  #existingBytes = SEGMENT_HEADER_BYTES;
  #writtenSequence: number;
  #syncedSequence: number;
  #unsynced = false;
  /** Somebody waits for syncs, not only segments' ends. */
  #isWaitedFor = false;
  #failure: DiskError | undefined = undefined;
  #full: FullSegment[];
  #spares: FullSegment[] = [];
  #reserveUsed = 0;

  constructor(options: CommitLogOptions) {
    this.#options = options;
    this.#index = options.start.firstIndex;
    this.#writtenSequence = options.start.firstSequence - 1;
    this.#syncedSequence = options.start.firstSequence - 1;
    this.#full = [...options.start.earlier];
  }

  get writtenSequence(): number {
    return this.#writtenSequence;
  }
  get syncedSequence(): number {
    return this.#syncedSequence;
  }
  get failure(): DiskError | undefined {
    return this.#failure;
  }
  /** Reserve files that were given up since the opening, to write on though the disk is full. */
  get reserveUsed(): number {
    return this.#reserveUsed;
  }

  /** Opens the first segment, which `openStore` made. */
  open(): DiskResult<null> {
    const { disk, start } = this.#options;
    const name = logName(start.opening, this.#index);
    const file = disk.open(name, 'write');
    if (!file.ok) return this.#fail(file);
    this.#file = file.value;
    const size = disk.size(file.value);
    if (!size.ok) return this.#fail(size);
    // [LW6]
    if (size.value === SEGMENT_HEADER_BYTES) return DONE;
    return this.#fail({ ok: false, code: 'OTHER', detail: `${name} has another writer` });
  }

  /** Writes records [firstSequence, lastSequence], which stand in `ranges` in order. */
  write(
    ranges: readonly LogRange[],
    firstSequence: number,
    lastSequence: number,
  ): DiskResult<null> {
    if (this.#failure !== undefined) return this.#failure;
    assert(this.#file !== -1, 'the log is open');
    assert(firstSequence === this.#writtenSequence + 1, 'LW1 groups follow one another');
    const { groupBytesMax } = this.#options;
    const isShort = buggify('log: end groups early');
    for (const group of splitGroups(ranges, isShort ? groupBytesMax >> 4 : groupBytesMax)) {
      const last = group.lastSequence ?? lastSequence;
      const written = this.#writeGroup(group.ranges, this.#writtenSequence + 1, last);
      if (!written.ok) return written;
    }
    return DONE;
  }

  /** Makes durable all that was written. */
  sync(): DiskResult<null> {
    this.#isWaitedFor = true;
    return this.#syncFile();
  }

  #syncFile(): DiskResult<null> {
    if (this.#failure !== undefined) return this.#failure;
    if (!this.#unsynced) return DONE;
    const synced = this.#options.disk.datasync(this.#file);
    if (!synced.ok) return this.#fail(synced);
    this.#unsynced = false;
    this.#syncedSequence = this.#writtenSequence;
    return DONE;
  }

  /** Everything up to `floorSequence` is durable in tables: its segments are free. */
  release(floorSequence: number): DiskResult<null> {
    if (this.#failure !== undefined) return this.#failure;
    const kept: FullSegment[] = [];
    for (const segment of this.#full) {
      if (segment.lastSequence > floorSequence) {
        kept.push(segment);
      } else if (
        segment.opening === this.#options.start.opening &&
        this.#spares.length < this.#options.sparesMax
      ) {
        reachable('log: a segment becomes a spare');
        this.#spares.push(segment);
      } else {
        reachable('log: a segment is removed');
        const removed = this.#remove(segment);
        if (!removed.ok) return removed;
      }
    }
    this.#full = kept;
    return DONE;
  }

  /**
   * Nothing is written for a while: what is kept for later segments goes, and the open segment, too, if
   * tables have all that it holds; a short one takes its place.
   */
  rest(floorSequence: number): DiskResult<null> {
    if (this.#failure !== undefined) return this.#failure;
    this.#dropSpares();
    if (this.#position === SEGMENT_HEADER_BYTES || this.#writtenSequence > floorSequence)
      return DONE;
    const rotated = this.#rotate();
    if (!rotated.ok) return rotated;
    const released = this.release(floorSequence);
    this.#dropSpares();
    return released;
  }

  /** One that cannot be removed is kept, and tried again when the store rests next. */
  #dropSpares(): void {
    for (let spare = this.#spares.pop(); spare !== undefined; spare = this.#spares.pop()) {
      const removed = this.#options.disk.remove(logName(spare.opening, spare.index));
      if (removed.ok || removed.code === 'ENOENT') continue;
      this.#spares.push(spare);
      return;
    }
  }

  #remove({ opening, index }: FullSegment): DiskResult<null> {
    const removed = this.#options.disk.remove(logName(opening, index));
    return removed.ok || removed.code === 'ENOENT' ? DONE : this.#fail(removed);
  }

  /** Ends the log durably, and says so in it. */
  close(): DiskResult<null> {
    const result = this.#seal();
    if (this.#file !== -1) this.#options.disk.close(this.#file);
    this.#file = -1;
    return result;
  }

  /** A group without records, whose header testifies that all before it is durable. */
  #seal(): DiskResult<null> {
    const synced = this.sync();
    if (!synced.ok) return synced;
    const next = this.#writtenSequence + 1;
    const sealed = this.#writeGroup([], next, next - 1);
    return sealed.ok ? this.sync() : sealed;
  }

  #writeGroup(
    ranges: readonly LogRange[],
    firstSequence: number,
    lastSequence: number,
  ): DiskResult<null> {
    const recordBytes = byteCountOf(ranges);
    const payload = this.#payload.of(ranges, recordBytes, lastSequence - firstSequence + 1);
    const payloadBytes = payload.reduce((sum, part) => sum + part.length, 0);
    const end = this.#position + GROUP_HEADER_BYTES + payloadBytes;
    // A group larger than a segment gets one of its own, which is longer than the others.
    const isFull = end > this.#options.segmentBytes || buggify('log: end a segment early');
    sometimes(
      end > this.#options.segmentBytes && this.#position === SEGMENT_HEADER_BYTES,
      'log: a group is larger than a segment',
    );
    if (isFull && this.#position > SEGMENT_HEADER_BYTES) {
      const rotated = this.#rotate();
      if (!rotated.ok) return rotated;
    }
    const sizes = { payloadBytes, recordBytes };
    this.#fillHeader(payload, sizes, firstSequence, lastSequence);
    const parts = [bytesOf(this.#header), ...payload];
    this.#unsynced = true;
    const written = this.#writeThrough(parts, this.#position);
    if (!written.ok) return this.#fail(written);
    this.#position += GROUP_HEADER_BYTES + payloadBytes;
    this.#writtenSequence = lastSequence;
    return this.#fillAhead();
  }

  #fillHeader(
    payload: readonly Uint8Array[],
    { payloadBytes, recordBytes }: { payloadBytes: number; recordBytes: number },
    firstSequence: number,
    lastSequence: number,
  ): void {
    const { checksum, start } = this.#options;
    const header = this.#header;
    let payloadChecksum = 0;
    for (const part of payload) payloadChecksum = checksum(part, payloadChecksum);
    header[GROUP.magic] = GROUP_MAGIC;
    header[GROUP.payloadBytes] = payloadBytes;
    writeSequence(header, GROUP.firstSequenceLow, firstSequence);
    writeSequence(header, GROUP.lastSequenceLow, lastSequence);
    header[GROUP.opening] = start.opening;
    header[GROUP.index] = this.#index;
    header[GROUP.position] = this.#position / 8;
    writeSequence(header, GROUP.syncedSequenceLow, this.#syncedSequence);
    header[GROUP.payloadChecksum] = payloadChecksum;
    header[GROUP.recordBytes] = recordBytes;
    header[GROUP.checksum] = checksumWords(checksum, header, 0, GROUP.checksum);
  }

  /**
   * Where the file is new, makes it grow by large steps of zeros rather than with each group: a sync of
   * a file that grew is slow. Where nobody syncs, zeros would only be written twice.
   */
  #fillAhead(): DiskResult<null> {
    if (this.#position <= this.#existingBytes) return DONE;
    if (!this.#isWaitedFor) {
      this.#existingBytes = this.#position;
      return DONE;
    }
    if (this.#zeros.length === 0) this.#zeros = new Uint8Array(ZEROS_AHEAD_BYTES);
    const room = Math.max(0, this.#options.segmentBytes - this.#position);
    const zeros = this.#zeros.subarray(0, Math.min(room, ZEROS_AHEAD_BYTES));
    this.#existingBytes = this.#position + zeros.length;
    if (zeros.length === 0) return DONE;
    const written = writeWhole(this.#options.disk, this.#file, [zeros], this.#position);
    if (written.ok) return DONE;
    if (written.code !== 'ENOSPC') return this.#fail(written);
    // They only save time: without them the file grows group by group, in what room there is.
    reachable('log: a full disk has no room for zeros ahead');
    this.#existingBytes = this.#position;
    return DONE;
  }

  /** [LW5] All of `parts` at `position`, whatever part of them a full disk has taken before. */
  #writeThrough(parts: readonly Uint8Array[], position: number): DiskResult<null> {
    return this.#inReserve(() => writeWhole(this.#options.disk, this.#file, parts, position));
  }

  /** [LW5] REQUIRES: `attempt` syncs nothing, and may be made again. */
  #inReserve<Value>(attempt: () => DiskResult<Value>): DiskResult<Value> {
    for (;;) {
      const result = attempt();
      if (result.ok || result.code !== 'ENOSPC') return result;
      const taken = takeReserve(this.#options.disk);
      if (!taken.ok) return taken;
      if (!taken.value) return result;
      reachable('log: goes on in the room of its reserve');
      this.#reserveUsed += 1;
    }
  }

  #rotate(): DiskResult<null> {
    // The name of the next segment says that this one is complete (LW2).
    const synced = this.#syncFile();
    if (!synced.ok) return synced;
    const { disk, start } = this.#options;
    const lastSequence = this.#writtenSequence;
    this.#full.push({ opening: start.opening, index: this.#index, lastSequence });
    disk.close(this.#file);
    this.#file = -1;
    this.#index += 1;
    const file = this.#nextFile(logName(start.opening, this.#index));
    if (!file.ok) return this.#fail(file);
    this.#file = file.value;
    this.#position = SEGMENT_HEADER_BYTES;
    const id = { ...start, index: this.#index };
    const header = segmentHeader(id, lastSequence + 1, this.#options.checksum);
    const written = this.#writeThrough([bytesOf(header)], 0);
    return written.ok ? DONE : this.#fail(written);
  }

  /** A spare under the new name, or a new file; the name is durable. */
  #nextFile(name: string): DiskResult<FileHandle> {
    const { disk } = this.#options;
    const spare = this.#spares.pop();
    if (spare !== undefined) {
      reachable('log: a spare becomes a segment');
      const spareName = logName(spare.opening, spare.index);
      const renamed = this.#inReserve(() => disk.rename(spareName, name));
      if (!renamed.ok) return renamed;
    }
    const mode = spare === undefined ? 'create' : 'write';
    const file = this.#inReserve(() => disk.open(name, mode));
    if (!file.ok) return file;
    const size = disk.size(file.value);
    if (!size.ok) return size;
    this.#existingBytes = size.value;
    const synced = disk.syncDirectory();
    return synced.ok ? file : synced;
  }

  #fail(error: DiskError): DiskError {
    reachable('log: an error ends the writing');
    this.#failure ??= error;
    return error;
  }
}
