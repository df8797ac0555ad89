/** Passes operations of connections on to shard 0 and answers back; see toy-protocol. */
import { assert } from '@clockwise/kernel/assert';
import { LANE } from '@clockwise/kernel/core';
import type { Core } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { TAG } from '@clockwise/protocol/frame';
import type { ShellBatch, ShellEffect, ShellEvent, ShellOut } from '../shell/shell-types.ts';
import { copyWords, eachOperation, TOY, TOY_OPCODE, TOY_STATUS } from './toy-protocol.ts';

export class ToyCoordinatorCore implements Core<ShellEvent, ShellEffect, ShellBatch, ShellOut> {
  /** Operations at the shard, by request id: words that name id and connection. */
  readonly #inFlight = new Map<number, number>();
  #shardUp = false;
  readonly #scratch = new Int32Array(16);

  step(batch: ShellBatch, out: ShellOut): void {
    for (const event of batch.events) this.#event(event, out);
    for (let index = 0; index < batch.frames.count; index += 1) {
      const source = batch.frames.sources[index]!;
      const words = batch.frames.words[index]!;
      const frame = batch.frames.offsets[index]!;
      eachOperation(words, frame, (operationWords, operation) => {
        if (source < CONNECTION_TARGET) this.#answered(operationWords, operation, out);
        else this.#asked(operationWords, operation, source, out);
      });
    }
  }

  hash(): number {
    return this.#inFlight.size;
  }

  #event(event: ShellEvent, out: ShellOut): void {
    if (event.kind === 'channel-up') this.#shardUp = true;
    if (event.kind === 'malformed') {
      const { connection, reason } = event;
      out.effect({ kind: 'hang-up', connection, code: 1002, reason });
    }
    if (event.kind === 'told' && event.message === 'ping') {
      out.effect({ kind: 'tell', to: event.from, message: 'pong' });
    }
    if (event.kind !== 'channel-down') return;
    this.#shardUp = false;
    for (const [requestId, source] of this.#inFlight) {
      this.#scratch[TOY.requestId] = requestId;
      this.#scratch[TOY.status] = TOY_STATUS.unknown;
      send(out, source, TAG.response, { words: this.#scratch, operation: 0, wordCount: 8 });
    }
    this.#inFlight.clear();
  }

  #asked(words: Int32Array, operation: number, source: number, out: ShellOut): void {
    const wordCount = words[operation + TOY.wordCount]!;
    if (words[operation + TOY.opcode] === TOY_OPCODE.direct) {
      send(out, source, TAG.response, { words, operation, wordCount });
      return;
    }
    const requestId = words[operation + TOY.requestId]!;
    if (this.#shardUp) {
      this.#inFlight.set(requestId, source);
      send(out, 0, TAG.replicaRequest, { words, operation, wordCount });
    } else {
      this.#scratch[TOY.requestId] = requestId;
      this.#scratch[TOY.status] = TOY_STATUS.unknown;
      send(out, source, TAG.response, { words: this.#scratch, operation: 0, wordCount: 8 });
    }
  }

  #answered(words: Int32Array, operation: number, out: ShellOut): void {
    const requestId = words[operation + TOY.requestId]!;
    const source = this.#inFlight.get(requestId);
    if (source === undefined) return;
    this.#inFlight.delete(requestId);
    const wordCount = words[operation + TOY.wordCount]!;
    send(out, source, TAG.response, { words, operation, wordCount });
  }
}

interface Operation {
  readonly words: Int32Array;
  readonly operation: number;
  readonly wordCount: number;
}

function send(out: ShellOut, target: number, tag: number, from: Operation): void {
  const sink = out.send(target, LANE.now);
  const offset = sink.begin(tag, from.wordCount);
  assert(offset >= 0, 'the toy stays within its credits');
  copyWords(from.words, from.operation, sink.words, offset, from.wordCount);
  sink.end(from.wordCount);
}
