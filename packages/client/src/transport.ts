/**
 * The one narrow interface to the network: a link that carries frames. transport-node.ts is ws with
 * pre-framed writes; transport-web.ts is the platform's WebSocket; tests have one in memory.
 *
 * Frames are written into the memory that `acquire` offers (FrameBacking) and leave together at
 * `flush`, once per tick.
 */
import type { FrameBacking } from '@clockwise/protocol/frame-writer';

export interface Transport extends FrameBacking {
  /** Sends what was completed since the last flush. */
  flush(): void;
  /** Bytes that wait in this process to be sent. */
  readonly bufferedBytes: number;
  /** Asks the other side for a sign of life. False: this transport cannot. */
  ping(): boolean;
  close(code: number, reason: string): void;
}

/** Called by a transport, never from inside `dial`. */
export interface TransportListener {
  opened(): void;
  /** A message that has the shape of a frame; the words are borrowed until this returns. */
  frame(words: Int32Array, wordCount: number): void;
  /** A sign of life that is no frame. */
  heard(): void;
  /** The end, exactly once, also where it never opened. */
  closed(reason: string): void;
}

export type Dial = (address: string, listener: TransportListener) => Transport;

/** What the client needs of its platform; tests hand in virtual time and a network in memory. */
export interface World {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Runs `run` when the operations of this tick have been issued. */
  atEndOfTick(run: () => void): void;
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  readonly dial: Dial;
}
