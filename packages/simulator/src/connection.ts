/**
 * One connection between two endpoints: two directions, each with the frames that are under way.
 *
 * Invariants:
 *   CN1 of a stream, frames arrive in the order they were sent, without a gap, up to its end
 *   CN2 of datagrams, the first frame each way (the greeting) arrives first, and once
 *   CN3 after an end has heard of the end, no frame arrives there
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Network, NetworkEndpoint } from './network.ts';

export interface ConnectionEnd {
  readonly connection: Connection;
  readonly side: 0 | 1;
  readonly endpoint: NetworkEndpoint;
  readonly number: number;
  /** False: closed by its own side, or told of the end, or its process is gone. */
  isOpen: boolean;
  isTold: boolean;
  isGone: boolean;
  /** Words sent from this end that have not arrived. */
  wordsUnderWay: number;
}

type Item =
  | { readonly kind: 'frame'; readonly frame: Int32Array; readonly due: Instant }
  | { readonly kind: 'close'; readonly reason: string; readonly due: Instant };

interface Direction {
  readonly queue: Item[];
  lastDue: Instant;
  sentCount: number;
  isWaiting: boolean;
}

export class Connection {
  readonly ends: readonly [ConnectionEnd, ConnectionEnd];
  readonly #network: Network;
  readonly #directions: readonly [Direction, Direction];
  #isOver = false;

  constructor(
    network: Network,
    dialler: NetworkEndpoint,
    near: number,
    listener: NetworkEndpoint,
    far: number,
  ) {
    this.#network = network;
    const makeEnd = (side: 0 | 1, endpoint: NetworkEndpoint, number: number): ConnectionEnd => ({
      connection: this,
      side,
      endpoint,
      number,
      isOpen: true,
      isTold: false,
      isGone: false,
      wordsUnderWay: 0,
    });
    this.ends = [makeEnd(0, dialler, near), makeEnd(1, listener, far)];
    this.#directions = [makeDirection(), makeDirection()];
  }

  send(from: ConnectionEnd, frame: Int32Array): void {
    const { faults, prng, counters } = this.#network;
    const direction = this.#directions[from.side];
    const isGreeting = direction.sentCount === 0;
    direction.sentCount += 1;
    const isHeld = !isGreeting && prng.chance(faults.holdProbability);
    const isLost = !isGreeting && prng.chance(faults.lossProbability);
    const delayMs = this.#network.delayMs() + (isHeld ? prng.exponential(faults.holdMeanMs) : 0);
    if (isHeld) counters.held += 1;
    if (faults.mode === 'datagram' && !isGreeting) {
      this.#sendDatagram(from, frame, delayMs, isLost);
      return;
    }
    from.wordsUnderWay += frame.length;
    this.#enqueue(from.side, { kind: 'frame', frame, due: this.#dueOf(direction, delayMs) });
    // What a stream loses is everything from here on, when its ends find out.
    if (isLost) this.#after(delayMs, () => this.reset('reset by the network'));
  }

  /** Closes after what was sent; the closing side hears of the end as well. */
  hangUp(from: ConnectionEnd, reason: string): void {
    from.isOpen = false;
    const direction = this.#directions[from.side];
    const due = this.#dueOf(direction, this.#network.delayMs());
    this.#enqueue(from.side, { kind: 'close', reason, due });
    // The other side may be unreachable: then the closing side does not wait for it for ever.
    const patienceMs = this.#network.faults.stallMeanMs;
    this.#after(this.#network.prng.exponential(patienceMs), () => this.#end(from, 'closed'));
  }

  /** Both ends hear of it, each in its own time; what was under way is lost. */
  reset(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#network.counters.resets += 1;
    for (const end of this.ends) this.#endLater(end, reason, this.#network.delayMs());
  }

  /** The process at this end is gone; what it had sent may still arrive. */
  orphan(end: ConnectionEnd, how: 'killed' | 'power-loss'): void {
    end.isOpen = false;
    end.isGone = true;
    const other = this.ends[end.side === 0 ? 1 : 0];
    if (other.isGone) {
      this.#network.forget(this);
      return;
    }
    const { prng, faults } = this.#network;
    if (how === 'killed') {
      const due = this.#dueOf(this.#directions[end.side], this.#network.delayMs());
      this.#enqueue(end.side, { kind: 'close', reason: 'the process is gone', due });
    } else {
      this.#endLater(other, 'the machine is silent', prng.exponential(faults.stallMeanMs));
    }
  }

  /** A cut has ended: what waited for that is retransmitted. */
  resume(): void {
    for (const side of [0, 1] as const) {
      const direction = this.#directions[side];
      if (!direction.isWaiting) continue;
      direction.isWaiting = false;
      this.#after(this.#network.delayMs(), () => this.#arrive(side));
    }
  }

  #sendDatagram(from: ConnectionEnd, frame: Int32Array, delayMs: number, isLost: boolean): void {
    const { faults, prng, counters } = this.#network;
    if (isLost) {
      counters.lost += 1;
      return;
    }
    const isDoubled = prng.chance(faults.duplicateProbability);
    if (isDoubled) counters.duplicated += 1;
    // Strictly behind the greeting: what falls on one instant comes in any order.
    const afterGreeting = this.#directions[from.side].lastDue + 1e-3;
    for (let copy = 0; copy < (isDoubled ? 2 : 1); copy += 1) {
      const extraMs =
        copy === 0 ? 0 : this.#network.delayMs() + prng.exponential(faults.holdMeanMs);
      const due = Math.max(this.#network.simulation.now + delayMs + extraMs, afterGreeting);
      from.wordsUnderWay += frame.length;
      this.#network.simulation.at(due, () => {
        from.wordsUnderWay -= frame.length;
        if (this.#network.isCut(from.endpoint.site, this.#other(from).endpoint.site)) {
          counters.lost += 1;
        } else {
          this.#deliver(this.#other(from), frame.slice());
        }
      });
    }
  }

  #other(end: ConnectionEnd): ConnectionEnd {
    return this.ends[end.side === 0 ? 1 : 0];
  }

  #dueOf(direction: Direction, delayMs: number): Instant {
    const due = Math.max(direction.lastDue, this.#network.simulation.now + delayMs);
    direction.lastDue = due;
    return due;
  }

  #enqueue(side: 0 | 1, item: Item): void {
    this.#directions[side].queue.push(item);
    this.#network.simulation.at(item.due, () => this.#arrive(side));
  }

  /** [CN1] Whatever is due arrives in the order of the queue. */
  #arrive(side: 0 | 1): void {
    const direction = this.#directions[side];
    const from = this.ends[side];
    const to = this.#other(from);
    if (this.#isOver || direction.isWaiting) return;
    if (this.#network.isCut(from.endpoint.site, to.endpoint.site)) {
      if (direction.queue.length > 0) this.#stall(direction);
      return;
    }
    const { now } = this.#network.simulation;
    while (direction.queue.length > 0 && direction.queue[0]!.due <= now) {
      const item = direction.queue.shift()!;
      if (item.kind === 'frame') {
        from.wordsUnderWay -= item.frame.length;
        this.#deliver(to, item.frame);
      } else {
        this.#isOver = true;
        this.#end(to, item.reason);
        this.#endLater(from, item.reason, this.#network.delayMs());
        return;
      }
    }
  }

  /** [NW2] Retransmissions go unheard: they end with the cut, or with the ends' patience. */
  #stall(direction: Direction): void {
    direction.isWaiting = true;
    const { prng, faults } = this.#network;
    this.#after(100 + prng.exponential(faults.stallMeanMs), () => {
      if (direction.isWaiting) this.reset('timed out');
    });
  }

  #deliver(to: ConnectionEnd, frame: Int32Array): void {
    if (to.isTold || to.isGone) return;
    to.endpoint.onFrame(to.number, frame);
  }

  #endLater(end: ConnectionEnd, reason: string, delayMs: number): void {
    this.#after(delayMs, () => this.#end(end, reason));
  }

  #end(end: ConnectionEnd, reason: string): void {
    if (end.isTold || end.isGone) return;
    end.isTold = true;
    end.isOpen = false;
    const { network, other } = { network: this.#network, other: this.#other(end) };
    end.endpoint.onDisconnected(end.number, reason, () =>
      network.release(end.endpoint, end.number),
    );
    if (other.isTold || other.isGone) network.forget(this);
  }

  #after(delayMs: number, run: () => void): void {
    this.#network.simulation.after(delayMs, run);
  }
}

function makeDirection(): Direction {
  return { queue: [], lastDue: 0, sentCount: 0, isWaiting: false };
}
