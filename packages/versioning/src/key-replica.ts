/**
 * One replica of one key, for tests: puts with everything that a request may carry, and joins. Nothing
 * in a running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  type Dot,
  decodeRecord,
  type RecordObject,
  writeBytes,
  writeEntry,
} from '@clockwise/record/build';
import { recordLimits, validateRecord } from '@clockwise/record/validate';
import { joinRecords, RecordJoin } from './join.ts';
import { VisibleSiblings } from './reconcile.ts';
import { WriteOperands, writeWordCountMax } from './write-operands.ts';
import { applyWrite, RecordWriter, type WriteLimits } from './write.ts';

export const SECONDS = 1_700_000_000;

export interface Put {
  /** ASCII. */
  readonly value: string;
  readonly context?: readonly Dot[];
  readonly session?: number;
  readonly sequence: number;
  readonly hybridMs?: number;
  /** Instead of `hybridMs`. */
  readonly hybrid?: bigint;
  readonly lww?: boolean;
  /** Tried before: what its session had seen then. */
  readonly retrySeen?: bigint;
}

export class KeyReplica {
  words: Int32Array | undefined;
  readonly limits: WriteLimits;
  incarnation: bigint;
  counter: bigint;
  readonly #operands: WriteOperands = new WriteOperands();
  readonly #writer: RecordWriter;

  constructor(incarnation: bigint, limits: WriteLimits = DEFAULT_LIMITS, openedSeconds = 0) {
    this.incarnation = incarnation;
    this.counter = BigInt(openedSeconds) << 32n;
    this.limits = limits;
    this.#writer = new RecordWriter(limits);
    writeBytes((this.#operands.keyWords = new Int32Array(2)), 0, new Uint8Array([1, 2, 3]));
    this.#operands.keyByteCount = 3;
  }

  put(put: Put): number {
    this.counter += 1n;
    const operands = this.#fill(put);
    const current = this.words ?? new Int32Array(0);
    const out = new Int32Array(writeWordCountMax(operands, current.length) + 1).fill(-1);
    const status = applyWrite(this.#writer, operands, current, this.words ? 0 : -1, out, 0);
    assert(out.at(-1) === -1, 'writeWordCountMax is room enough');
    if (status <= 0) return status;
    this.words = out.slice(0, status);
    assert(validateRecord(out, 0, status, recordLimits(DEFAULT_LIMITS)) === 0, 'well formed');
    return status;
  }

  #fill(put: Put): WriteOperands {
    const operands = this.#operands;
    writeEntry(operands.dot, 0, { incarnation: this.incarnation, counter: this.counter });
    const bytes = Uint8Array.from(put.value, (letter) => letter.charCodeAt(0));
    writeBytes((operands.valueWords = new Int32Array(bytes.length + 2)), 0, bytes);
    operands.valueByteCount = bytes.length;
    operands.contextGiven = put.context !== undefined;
    operands.contextOffset = 0;
    operands.contextCount = put.context?.length ?? 0;
    operands.contextWords = new Int32Array(operands.contextCount * 4);
    put.context?.forEach((entry, index) => writeEntry(operands.contextWords, index * 4, entry));
    operands.sessionLow = put.session ?? 1;
    operands.sequence = put.sequence;
    const hybrid = put.hybrid ?? BigInt(put.hybridMs ?? SECONDS * 1000) << 16n;
    operands.hybridHigh = Number(BigInt.asIntN(32, hybrid >> 32n));
    operands.hybridLow = Number(BigInt.asIntN(32, hybrid));
    operands.lww = put.lww ?? false;
    operands.retry = put.retrySeen !== undefined;
    const seen = put.retrySeen ?? 0n;
    operands.seenHigh = Number(BigInt.asIntN(32, seen >> 32n));
    operands.seenLow = Number(BigInt.asIntN(32, seen));
    return operands;
  }

  receive(from: KeyReplica, lww = false): RecordJoin {
    const join = new RecordJoin(this.limits);
    join.lww = lww;
    join.nowSeconds = SECONDS;
    const own = this.words ?? from.words!;
    const out = new Int32Array(own.length + from.words!.length);
    this.words = out.slice(0, joinRecords(join, own, 0, from.words!, 0, out, 0));
    return join;
  }

  get record(): RecordObject {
    return decodeRecord(this.words!, 0);
  }
  get values(): string[] {
    return this.record.siblings.map((one) => String.fromCharCode(...one.value)).toSorted();
  }
  get shown(): number {
    return new VisibleSiblings().collect(this.words!, 0, SECONDS);
  }
}
