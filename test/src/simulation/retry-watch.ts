/**
 * As what each opening of a shard was asked for its writes: first tries, retries (REPLICA_REQUEST_FLAG),
 * or both. A write that it was only ever asked for as a retry is judged by rule R (O2k), whichever of
 * a client's requests it comes from.
 */
import type { FrameList } from '@clockwise/kernel/core';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
} from '@clockwise/protocol/frame';
import type { WasRetried } from '../checkers/causal-ledger.ts';
import { operationName } from '../checkers/causal-ledger-dots.ts';

export class RetryWatch {
  /** By shard: its latest opening. */
  readonly #heard: Map<string, { opening: string; readonly writes: Map<string, WasRetried> }> =
    new Map();

  /** Frames of a coordinator, as a step of the shard takes them. */
  took(shard: string, opening: string, frames: FrameList): void {
    for (let index = 0; index < frames.count; index += 1) {
      const words = frames.words[index]!;
      let operation = frames.offsets[index]! + FRAME_HEADER_WORDS;
      let left = words[frames.offsets[index]! + FRAME.operationCount]!;
      for (; left > 0; left -= 1) {
        const opcode = words[operation + OPERATION.opcode]! & 0xff;
        if (opcode === REPLICA_OPCODE.write) this.#tookWrite(shard, opening, words, operation);
        operation += words[operation + OPERATION.wordCount]!;
      }
    }
  }

  wasRetried(shard: string, opening: string, operation: string): WasRetried {
    const heard = this.#heard.get(shard);
    return heard?.opening === opening ? (heard.writes.get(operation) ?? 'no') : 'no';
  }

  #tookWrite(shard: string, opening: string, words: Int32Array, operation: number): void {
    const heard = this.#heardBy(shard, opening);
    const name = operationName(
      words[operation + REPLICA_REQUEST.sessionLow]!,
      words[operation + REPLICA_REQUEST.sessionHigh]!,
      words[operation + REPLICA_REQUEST.sequence]!,
    );
    const flags = words[operation + REPLICA_REQUEST.opcode]! >>> 8;
    const how = (flags & REPLICA_REQUEST_FLAG.retry) === 0 ? 'no' : 'yes';
    const before = heard.get(name);
    heard.set(name, before === undefined || before === how ? how : 'both');
  }

  #heardBy(shard: string, opening: string): Map<string, WasRetried> {
    const known = this.#heard.get(shard);
    if (known?.opening === opening) return known.writes;
    const writes = new Map<string, WasRetried>();
    this.#heard.set(shard, { opening, writes });
    return writes;
  }
}
