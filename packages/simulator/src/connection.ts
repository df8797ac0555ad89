/**
 * One connection between two endpoints: how it lives and ends. What is under way on it is in its two
 * paths (frame-path.ts).
 *
 * Invariants:
 *   CN1 of a stream, frames arrive in the order they were sent, without a gap, up to its end
 *   CN2 of datagrams, the first frame each way (the greeting) arrives first, and once
 *   CN3 after an end has heard of the end, no frame arrives there
 *   CN4 an end whose other end is gone hears of it: by its word, by what is answered to the next
 *       frame, or by its own patience
 */
import { FramePath, type PathOwner } from './frame-path.ts';
import type { Link, LinkUser } from './link.ts';
import type { Network, NetworkEndpoint } from './network.ts';

export interface ConnectionEnd {
  readonly connection: Connection;
  readonly side: 0 | 1;
  readonly endpoint: NetworkEndpoint;
  readonly number: number;
  /** False: closed by its own side, or told of the end, or its process is gone. */
  isOpen: boolean;
  isTold: boolean;
  /** Its process is gone, or its machine, which answers nothing until it runs again. */
  gone: 'no' | 'killed' | 'power-loss';
}

export class Connection implements PathOwner, LinkUser {
  readonly ends: readonly [ConnectionEnd, ConnectionEnd];
  readonly #network: Network;
  readonly #links: readonly [Link, Link];
  readonly #paths: readonly [FramePath, FramePath];
  /** One end is gone and nothing tells the other. */
  #isHalfOpen = false;
  #isRejected = false;

  constructor(
    network: Network,
    dialler: { readonly endpoint: NetworkEndpoint; readonly number: number },
    listener: { readonly endpoint: NetworkEndpoint; readonly number: number },
  ) {
    this.#network = network;
    const makeEnd = (side: 0 | 1, { endpoint, number }: typeof dialler): ConnectionEnd => ({
      connection: this,
      side,
      endpoint,
      number,
      isOpen: true,
      isTold: false,
      gone: 'no',
    });
    this.ends = [makeEnd(0, dialler), makeEnd(1, listener)];
    const out = network.link(dialler.endpoint.site, listener.endpoint.site);
    const back = network.link(listener.endpoint.site, dialler.endpoint.site);
    this.#links = [out, back];
    this.#paths = [
      new FramePath(network, this, 0, { link: out, back }),
      new FramePath(network, this, 1, { link: back, back: out }),
    ];
    for (const link of this.#links) link.users.add(this);
  }

  hasRoom(from: ConnectionEnd, wordCount: number): boolean {
    return this.#paths[from.side].hasRoom(wordCount);
  }

  wordsUnderWay(from: ConnectionEnd): number {
    return this.#paths[from.side].wordsUnderWay;
  }

  send(from: ConnectionEnd, frame: Int32Array): void {
    this.#links[from.side].onSent?.(frame);
    this.#paths[from.side].send(frame);
  }

  /** Closes after what was sent; the closing side hears of the end as well. */
  hangUp(from: ConnectionEnd, reason: string): void {
    from.isOpen = false;
    this.#paths[from.side].close(reason);
    // The other side may be unreachable: then the closing side does not wait for it for ever.
    const { prng, faults } = this.#network;
    this.#endLater(from, 'closed', prng.exponential(faults.stallMeanMs));
  }

  /** Both ends hear of it, each in its own time; what was under way is lost. */
  reset(reason: string): void {
    if (this.#isOver) return;
    this.#network.counters.resets += 1;
    this.#endPaths();
    for (const end of this.ends) this.#endLater(end, reason, this.#linkFrom(end).delayMs());
  }

  /** One end is reset, and the other hears nothing, whatever it sends. */
  breakHalf(side: 0 | 1): void {
    if (this.#isOver || this.#isHalfOpen) return;
    const end = this.ends[side];
    this.#fallSilent(side);
    this.#endLater(end, 'reset by the network', this.#linkFrom(end).delayMs());
  }

  /** The process at this end is gone; what it had sent may still arrive. */
  orphan(end: ConnectionEnd, how: 'killed' | 'power-loss'): void {
    end.isOpen = false;
    end.gone = how;
    const other = this.#other(end);
    if (other.isTold || other.gone !== 'no') {
      this.#forget();
      return;
    }
    const { prng, faults } = this.#network;
    if (how === 'power-loss') {
      this.#giveUpLater(other);
    } else if (prng.chance(faults.halfOpenProbability)) {
      this.#fallSilent(end.side);
    } else {
      this.#paths[end.side].close('the process is gone');
    }
  }

  /** All faults have ended: nothing stays half open. */
  heal(): void {
    if (!this.#isHalfOpen) return;
    for (const end of this.ends) this.#endLater(end, 'rejected', this.#linkFrom(end).delayMs());
  }

  onUnblocked(): void {
    for (const path of this.#paths) path.onUnblocked();
  }

  onFrame(side: 0 | 1, frame: Int32Array): boolean {
    const to = this.ends[side === 0 ? 1 : 0];
    const isThere = !to.isTold && to.gone === 'no';
    if (isThere) to.endpoint.onFrame(to.number, frame);
    else this.#rejectFrame(to);
    return isThere;
  }

  onClose(side: 0 | 1, reason: string): void {
    const from = this.ends[side];
    const to = this.#other(from);
    const back = this.#linkFrom(to);
    this.#endPaths();
    this.#end(to, reason);
    // Without this word the closing side's own patience ends it.
    if (!back.isCut) this.#endLater(from, reason, back.delayMs());
  }

  /** [CN4] The sender gives up. What the other end hears of that, it hears by its own silence. */
  onStalled(side: 0 | 1): void {
    const from = this.ends[side];
    this.#paths[side].end();
    this.#network.counters.timeouts += 1;
    this.#end(from, 'timed out');
    this.#giveUpLater(this.#other(from));
  }

  /** What a stream loses is everything from here on, when its ends find out. */
  onLoss(delayMs: number): void {
    if (this.#network.faults.mode !== 'stream') return;
    this.#network.simulation.after(delayMs, () => this.reset('reset by the network'));
  }

  get #isOver(): boolean {
    return this.#paths[0].isOver && this.#paths[1].isOver;
  }

  #other(end: ConnectionEnd): ConnectionEnd {
    return this.ends[end.side === 0 ? 1 : 0];
  }

  #linkFrom(end: ConnectionEnd): Link {
    return this.#links[end.side];
  }

  #endPaths(): void {
    for (const path of this.#paths) path.end();
  }

  #fallSilent(side: 0 | 1): void {
    this.#network.counters.halfOpens += 1;
    this.#isHalfOpen = true;
    this.#paths[side].end();
    const other = side === 0 ? 1 : 0;
    this.#paths[other].fallSilent();
    this.#giveUpLater(this.ends[other]);
  }

  /** A frame came for an end that is no more: its machine says so, if it can. */
  #rejectFrame(to: ConnectionEnd): void {
    const { network, link } = { network: this.#network, link: this.#linkFrom(to) };
    if (this.#isRejected || link.isCut) return;
    if (to.gone === 'power-loss' && !network.isUp(to.endpoint.site)) return;
    this.#isRejected = true;
    network.counters.rejections += 1;
    this.#endLater(this.#other(to), 'rejected', link.delayMs());
  }

  /** An end that hears nothing any more: its pings go unanswered. */
  #giveUpLater(end: ConnectionEnd): void {
    const { prng, faults, simulation, counters } = this.#network;
    simulation.after(SILENCE_MS_MIN + prng.exponential(faults.stallMeanMs), () => {
      if (end.isTold || end.gone !== 'no') return;
      counters.timeouts += 1;
      this.#end(end, 'silent for too long');
    });
  }

  #endLater(end: ConnectionEnd, reason: string, delayMs: number): void {
    this.#network.simulation.after(delayMs, () => this.#end(end, reason));
  }

  #end(end: ConnectionEnd, reason: string): void {
    if (end.isTold || end.gone !== 'no') return;
    end.isTold = true;
    end.isOpen = false;
    const network = this.#network;
    end.endpoint.onDisconnected(end.number, reason, () =>
      network.release(end.endpoint, end.number),
    );
    const other = this.#other(end);
    if (other.isTold || other.gone !== 'no') this.#forget();
  }

  #forget(): void {
    this.#endPaths();
    for (const link of this.#links) link.users.delete(this);
    this.#network.forget(this);
  }
}

const SILENCE_MS_MIN = 100;
