/**
 * What links between sites do to frames, drawn per run. A link is directed: (from, to).
 *
 * `stream`, as the runtime's sockets behave: first in, first out; what is lost is the connection, with
 * all that was on its way. `datagram`: each frame is lost, delayed, doubled and overtaken by itself,
 * once the greeting is through; harder than the runtime's links, and the cores must survive it.
 */
export interface LinkFaults {
  readonly mode: 'stream' | 'datagram';
  /** Milliseconds: at least, and on average beyond that. */
  readonly delayMinMs: number;
  readonly delayMeanMs: number;
  /** Probability per frame: of a datagram that it is lost; of a stream that it is reset then. */
  readonly lossProbability: number;
  /** Of datagrams. */
  readonly duplicateProbability: number;
  /** Probability per frame that it is held up, and for how long on average. */
  readonly holdProbability: number;
  readonly holdMeanMs: number;
  /** Mean milliseconds that a stalled stream lasts before its ends give it up. */
  readonly stallMeanMs: number;
  /** Words that may be under way on one connection; beyond, its writer is refused. */
  readonly connectionWordsMax: number;
}

export const CALM_LINKS: LinkFaults = {
  mode: 'stream',
  delayMinMs: 0.05,
  delayMeanMs: 0.2,
  lossProbability: 0,
  duplicateProbability: 0,
  holdProbability: 0,
  holdMeanMs: 0,
  stallMeanMs: 2000,
  connectionWordsMax: 1 << 20,
};
