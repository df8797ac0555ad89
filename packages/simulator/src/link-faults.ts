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
  /**
   * How much a directed link's own delays and rates may differ from those named here: 0, they are
   * the same on all links; 1, a link has anything between none and twice as much.
   */
  readonly unevenness: number;
  /** Probability per frame: of a datagram that it is lost; of a stream that it is reset then. */
  readonly lossProbability: number;
  /** Of datagrams. */
  readonly duplicateProbability: number;
  /** Probability per frame that it is held up, and for how long on average. */
  readonly holdProbability: number;
  readonly holdMeanMs: number;
  /** Probability that the word of a connection's end is lost: the other end stays, half open. */
  readonly halfOpenProbability: number;
  /** Mean milliseconds of silence, or of waiting at a cut, before an end gives its connection up. */
  readonly stallMeanMs: number;
  /**
   * What may be under way on one connection, one way. Beyond, a stream's writer is refused, and a
   * datagram is lost.
   */
  readonly connectionWordsMax: number;
  readonly connectionFramesMax: number;
}

export const CALM_LINKS: LinkFaults = {
  mode: 'stream',
  delayMinMs: 0.05,
  delayMeanMs: 0.2,
  unevenness: 0,
  lossProbability: 0,
  duplicateProbability: 0,
  holdProbability: 0,
  holdMeanMs: 0,
  halfOpenProbability: 0,
  stallMeanMs: 2000,
  connectionWordsMax: 1 << 20,
  connectionFramesMax: 1 << 12,
};
