/**
 * The writing side of an embedded store: records made in place in memory, and groups of them in the log.
 *
 * data plane
 */
import type { LocalStoreOptions } from './local-options.ts';
import { type LocalRecordFields, localRecordWords, writeLocalRecord } from './local-record.ts';
import type { CommitLogWriter, LogRange } from './log-writer.ts';
import type { Memtable } from './memtable.ts';

export class LocalWriter {
  readonly figures: { bytesWritten: number; bytesLogged: number } = {
    bytesWritten: 0,
    bytesLogged: 0,
  };
  readonly #options: LocalStoreOptions;
  readonly #memtable: Memtable;
  readonly #log: CommitLogWriter;
  readonly #token = { high: 0, low: 0 };
  readonly #fields: LocalRecordFields;
  /** The active chunk as bytes. */
  #bytes: Uint8Array = new Uint8Array(0);
  #bytesOf: Int32Array | undefined = undefined;

  constructor(options: LocalStoreOptions, memtable: Memtable, log: CommitLogWriter) {
    this.#options = options;
    this.#memtable = memtable;
    this.#log = log;
    this.#fields = {
      bucketId: options.bucketId,
      tokenHigh: 0,
      tokenLow: 0,
      isTombstone: false,
      incarnationLow: options.storeIdLow,
      incarnationHigh: options.storeIdHigh,
      sequence: 0,
      expirySeconds: 0,
      writtenAtMs: 0,
    };
  }

  /** To memory; no value: a tombstone. False: no room. */
  write(
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
    value: Uint8Array | undefined,
    expirySeconds: number,
    nowMs: number,
  ): boolean {
    const memtable = this.#memtable;
    const { bucketId, tokenOf } = this.#options;
    const valueBytes = value === undefined ? 0 : value.length;
    const wordCount = localRecordWords(keyBytes, valueBytes);
    const at = memtable.reserve(wordCount);
    if (at === -1) return false;
    const token = this.#token;
    tokenOf(token, bucketId, key, keyAt, keyBytes);
    const fields = this.#fields;
    fields.tokenHigh = token.high;
    fields.tokenLow = token.low;
    fields.isTombstone = value === undefined;
    fields.sequence = memtable.nextSequence;
    fields.expirySeconds = expirySeconds;
    fields.writtenAtMs = nowMs;
    writeLocalRecord(memtable.words, at, key, keyAt, keyBytes, valueBytes, fields);
    if (value !== undefined && valueBytes > 0) {
      const valueWord = at + wordCount - (((valueBytes + 7) >>> 3) << 1);
      this.#activeBytes().set(value, valueWord * 4);
    }
    memtable.commit(at, memtable.hash(bucketId, key, keyAt, keyBytes), 0, 0, 0, 0);
    this.figures.bytesWritten += wordCount * 4;
    return true;
  }

  /** What was written since the last time, as one group. False: an error of the log, which keeps it. */
  commit(isSynced: boolean): boolean {
    const memtable = this.#memtable;
    if (this.#log.failure !== undefined) return false;
    if (memtable.appendCount > 0) {
      const ranges: LogRange[] = [];
      for (let index = 0; index < memtable.appendCount; index += 1) {
        const fromWord = memtable.appendFroms[index]!;
        const toWord = memtable.appendTos[index]!;
        const buffer = memtable.pool.buffers[memtable.appendChunks[index]!]!;
        ranges.push({ buffer, fromWord, toWord });
        this.figures.bytesLogged += (toWord - fromWord) * 4;
      }
      memtable.clearAppends();
      const first = this.#log.writtenSequence + 1;
      if (!this.#log.write(ranges, first, memtable.nextSequence - 1).ok) return false;
    }
    return isSynced ? this.#log.sync().ok : true;
  }

  #activeBytes(): Uint8Array {
    const memtable = this.#memtable;
    if (this.#bytesOf !== memtable.words) {
      this.#bytesOf = memtable.words;
      this.#bytes = new Uint8Array(memtable.words.buffer);
    }
    return this.#bytes;
  }
}
