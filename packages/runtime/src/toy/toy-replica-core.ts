/** Echoes operations by the lane they ask for, appending those that are durable; see toy-protocol. */
import { assert } from '@clockwise/kernel/assert';
import { LANE } from '@clockwise/kernel/core';
import type { Core } from '@clockwise/kernel/core';
import { TAG } from '@clockwise/protocol/frame';
import type { ShellBatch, ShellEffect, ShellEvent, ShellOut } from '../shell/shell-types.ts';
import { copyWords, eachOperation, TOY, TOY_OPCODE, TOY_STATUS } from './toy-protocol.ts';

export class ToyReplicaCore implements Core<ShellEvent, ShellEffect, ShellBatch, ShellOut> {
  readonly #chunk: Int32Array;
  #end = 2;
  #sequence = 0;
  #failed = false;

  constructor(chunk: Int32Array) {
    this.#chunk = chunk;
  }

  step(batch: ShellBatch, out: ShellOut): void {
    for (const event of batch.events) if (event.kind === 'log-failed') this.#failed = true;
    const { frames } = batch;
    for (let index = 0; index < frames.count; index += 1) {
      const source = frames.sources[index]!;
      eachOperation(frames.words[index]!, frames.offsets[index]!, (words, operation) =>
        this.#apply(words, operation, source, out),
      );
    }
  }

  hash(): number {
    return this.#sequence;
  }

  #apply(words: Int32Array, operation: number, source: number, out: ShellOut): void {
    const wordCount = words[operation + TOY.wordCount]!;
    const opcode = words[operation + TOY.opcode]!;
    const appends = opcode === TOY_OPCODE.durable || opcode === TOY_OPCODE.unsynced;
    const fails = appends && this.#failed;
    if (appends && !fails) this.#append(words, operation, opcode, out);
    const sink = out.send(source, appends && !fails ? LANE.durable : LANE.now);
    const offset = sink.begin(TAG.replicaReply, wordCount);
    assert(offset >= 0, 'replies never wait');
    copyWords(words, operation, sink.words, offset, wordCount);
    if (fails) sink.words[offset + TOY.status] = TOY_STATUS.unknown;
    sink.end(wordCount);
  }

  #append(words: Int32Array, operation: number, opcode: number, out: ShellOut): void {
    const wordCount = words[operation + TOY.wordCount]!;
    if (this.#end + wordCount > this.#chunk.length) this.#end = 2;
    const start = this.#end;
    copyWords(words, operation, this.#chunk, start, wordCount);
    this.#end = start + wordCount;
    this.#sequence += 1;
    const needsSync = opcode === TOY_OPCODE.durable;
    out.append(0, start, start + wordCount, this.#sequence, needsSync);
  }
}
