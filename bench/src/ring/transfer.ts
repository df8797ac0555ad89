/**
 * What both transports of the ring benchmark agree on: the size of a message, who fills and who
 * checks it, and how long they warm up.
 */
export const MESSAGE_WORDS = 32;
export const MESSAGE_BYTES: number = MESSAGE_WORDS * 4;
/** Messages in the ring: about two thousand. */
export const RING_CAPACITY_WORDS = 65_536;

/** Messages sent before the clock starts, for the compiler's sake. */
export function warmUpOf(messages: number): number {
  return Math.ceil(messages / 4);
}

export type OneWay = {
  /** Timed messages; `warmUpOf` more go before them. */
  readonly messages: number;
  /** Messages that are published, or posted, together. */
  readonly batch: number;
};

export function fillMessage(words: Int32Array, offset: number, number: number): void {
  for (let index = 0; index < MESSAGE_WORDS; index++) words[offset + index] = number + index;
}

/** Reads every word, as a consumer would; throws when it is not message `number`. */
export function checkMessage(words: Int32Array, offset: number, number: number): void {
  let difference = 0;
  for (let index = 0; index < MESSAGE_WORDS; index++) {
    difference |= words[offset + index]! ^ (number + index);
  }
  if (difference !== 0) throw new Error(`message ${number} arrived wrong`);
}

/** Messages per second: starts with the last message of the warm-up, stops with the last of all. */
export class Stopwatch {
  readonly #warmUp: number;
  readonly #messages: number;
  #startMs = 0;

  constructor(messages: number) {
    this.#messages = messages;
    this.#warmUp = warmUpOf(messages);
  }

  /** The rate, once `received` is all there is; before that undefined. */
  rateAt(received: number): number | undefined {
    if (this.#startMs === 0 && received >= this.#warmUp) this.#startMs = performance.now();
    if (received < this.#warmUp + this.#messages) return undefined;
    return (this.#messages * 1000) / (performance.now() - this.#startMs);
  }
}
