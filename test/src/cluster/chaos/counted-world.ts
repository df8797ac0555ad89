/**
 * The world of a real client, which counts the operations that leave it: a client that does one thing
 * at a time so knows how often each was tried. A client may also be held to one address.
 *
 * Why: an operation that was sent once has at most one dot; one that was sent twice may have two. The
 * SDK repeats by itself and does not say so, and the judge must not guess.
 *
 * Invariants:
 *   CW1 each request that leaves is counted, repeated ones each time
 *   CW2 a write that leaves again though an earlier try may have happened is noted by its sequence
 */
import { connectIn } from '@clockwise/client/connect';
import type { Database } from '@clockwise/client/database';
import { type ConnectOptions, normalizedAddress, settingsOf } from '@clockwise/client/options';
import { platformWorld } from '@clockwise/client/platform';
import type { Transport, World } from '@clockwise/client/transport';
import type { Prng } from '@clockwise/kernel/prng';
import { FRAME, FRAME_HEADER_WORDS, REQUEST, REQUEST_FLAG, TAG } from '@clockwise/protocol/frame';

export interface RequestCount {
  sent: number;
  /** Of writes that may have happened more than once: a client's first write is 1. */
  readonly repeated: Set<number>;
}

export interface CountedDatabase {
  readonly database: Database;
  readonly count: RequestCount;
}

/** `only`: the one address that is dialled, whatever else is learned of the cluster. */
export async function connectCounted(
  options: ConnectOptions,
  prng: Prng,
  only?: string,
): Promise<CountedDatabase> {
  const world = await platformWorld();
  const count = { sent: 0, repeated: new Set<number>() };
  const counted: World = { ...world, dial: countedDial(world, count, only) };
  return { database: await connectIn(counted, settingsOf(options), prng), count };
}

function countedDial(world: World, count: RequestCount, only: string | undefined): World['dial'] {
  const allowed = only === undefined ? undefined : normalizedAddress(only);
  return (address, listener) => {
    if (allowed === undefined || address === allowed) {
      return new CountedTransport(world.dial(address, listener), count);
    }
    world.setTimer(() => listener.closed('this client is held to another node'), 0);
    return new NoTransport();
  };
}

class CountedTransport implements Transport {
  readonly #inner: Transport;
  readonly #count: RequestCount;

  constructor(inner: Transport, count: RequestCount) {
    this.#inner = inner;
    this.#count = count;
  }

  get words(): Int32Array {
    return this.#inner.words;
  }

  get offset(): number {
    return this.#inner.offset;
  }

  get wordCountMax(): number {
    return this.#inner.wordCountMax;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  acquire(wordCountMin: number): boolean {
    return this.#inner.acquire(wordCountMin);
  }

  complete(wordCount: number): void {
    const { words, offset } = this.#inner;
    const isRequest = (words[offset + FRAME.tag]! & 0xff) === TAG.request;
    if (isRequest) this.#noteRequests(words, offset);
    this.#inner.complete(wordCount);
  }

  /** [CW1] [CW2] */
  #noteRequests(words: Int32Array, frame: number): void {
    const operationCount = words[frame + FRAME.operationCount]!;
    this.#count.sent += operationCount;
    let operation = frame + FRAME_HEADER_WORDS;
    for (let left = operationCount; left > 0; left -= 1) {
      const flags = words[operation + REQUEST.opcode]! >>> 8;
      const isRepeated = (flags & REQUEST_FLAG.retry) !== 0;
      if (isRepeated) this.#count.repeated.add(words[operation + REQUEST.sequence]!);
      operation += words[operation + REQUEST.wordCount]!;
    }
  }

  flush(): void {
    this.#inner.flush();
  }

  ping(): boolean {
    return this.#inner.ping();
  }

  close(code: number, reason: string): void {
    this.#inner.close(code, reason);
  }
}

/** Of a node that may not be dialled: takes nothing. */
class NoTransport implements Transport {
  readonly words: Int32Array = new Int32Array(0);
  readonly offset = 0;
  readonly wordCountMax = 0;
  readonly bufferedBytes = 0;

  acquire(): boolean {
    return false;
  }

  complete(): void {
    throw new Error('nothing was acquired');
  }

  flush(): void {
    // There is nothing to send.
  }

  ping(): boolean {
    return false;
  }

  close(): void {
    // It never opened.
  }
}
