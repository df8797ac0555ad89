/**
 * One direction of a connection: the frames that are under way on a link. A stream's frames, and every
 * direction's greeting and close, go through a queue; datagrams each by themselves.
 *
 * Invariants:
 *   FP1 what goes through the queue arrives in order, without a gap, up to the path's end
 *   FP2 nothing arrives while the link is cut or clogged, or after `end`
 *   FP3 the greeting arrives before any datagram
 *   FP4 no more is under way than `hasRoom` lets in; what is not acknowledged is under way
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Link } from './link.ts';
import type { LinkFaults } from './link-faults.ts';
import type { NetworkCounters } from './network-counters.ts';
import type { Prng } from '@clockwise/kernel/prng';
import type { Simulation } from './simulation.ts';

/** The connection; all but `onLoss` come in an event of their own. */
export interface PathOwner {
  /** False: there is nobody who takes it, and nothing acknowledges it. */
  onFrame(side: 0 | 1, frame: Int32Array): boolean;
  onClose(side: 0 | 1, reason: string): void;
  /** The sender's patience is over: nothing got through. */
  onStalled(side: 0 | 1): void;
  /** Of a stream: what was just sent is lost, `delayMs` from now. */
  onLoss(delayMs: number): void;
}

/** What the paths of a network share. */
export interface PathWorld {
  readonly faults: LinkFaults;
  readonly simulation: Simulation;
  readonly prng: Prng;
  readonly counters: NetworkCounters;
}

type Item =
  | { readonly kind: 'frame'; readonly frame: Int32Array; readonly due: Instant }
  | { readonly kind: 'close'; readonly reason: string; readonly due: Instant };

interface Datagram {
  readonly frame: Int32Array;
  readonly order: number;
}

const STALL_MS_MIN = 100;
/** What falls on one instant comes in any order. */
const BEHIND_MS = 1e-3;

export class FramePath {
  readonly #world: PathWorld;
  readonly #owner: PathOwner;
  readonly #side: 0 | 1;
  readonly #link: Link;
  /** The other direction's link, which acknowledgements take. */
  readonly #back: Link;
  readonly #queue: Item[] = [];
  /** Datagrams that wait for the greeting, or for the end of a clog. */
  readonly #held: Datagram[] = [];
  #framesUnderWay = 0;
  #wordsUnderWay = 0;
  /** Of those under way: what has arrived, and its sender does not know. */
  #framesUnknown = 0;
  #wordsUnknown = 0;
  #sentCount = 0;
  #lastDue: Instant = 0;
  #isGreeted = false;
  #latestOrder = 0;
  #isWaiting = false;
  #isStalling = false;
  #stallCount = 0;
  #isVoid = false;
  #isOver = false;

  constructor(
    world: PathWorld,
    owner: PathOwner,
    side: 0 | 1,
    { link, back }: { readonly link: Link; readonly back: Link },
  ) {
    this.#world = world;
    this.#owner = owner;
    this.#side = side;
    this.#link = link;
    this.#back = back;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get wordsUnderWay(): number {
    return this.#wordsUnderWay;
  }

  /** [FP4] Whether a frame of so many words may be sent. Datagrams need none of it but words. */
  hasRoom(wordCount: number): boolean {
    const { faults, counters } = this.#world;
    const isRoom =
      this.#wordsUnderWay + wordCount <= faults.connectionWordsMax &&
      (faults.mode === 'datagram' || this.#framesUnderWay < faults.connectionFramesMax);
    if (!isRoom) counters.refusals += 1;
    return isRoom;
  }

  send(frame: Int32Array): void {
    const { faults, prng, counters } = this.#world;
    const link = this.#link;
    const isGreeting = this.#sentCount === 0;
    this.#sentCount += 1;
    let delayMs = link.delayMs();
    if (!isGreeting && prng.chance(link.holdProbability)) {
      delayMs += prng.exponential(faults.holdMeanMs);
      counters.held += 1;
    }
    const isLost = !isGreeting && prng.chance(link.lossProbability);
    if (faults.mode === 'datagram' && !isGreeting) {
      this.#sendDatagram(frame, delayMs, isLost);
      return;
    }
    this.#enter(frame);
    this.#enqueue({ kind: 'frame', frame, due: this.#dueOf(delayMs) });
    if (isLost) this.#owner.onLoss(delayMs);
  }

  /** The last thing that goes this way. */
  close(reason: string): void {
    this.#enqueue({ kind: 'close', reason, due: this.#dueOf(this.#link.delayMs()) });
  }

  /** Nothing that is under way arrives, nor anything after it. */
  end(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.#held.length = 0;
  }

  /** From now on all that is sent vanishes without an answer, until the sender gives up. */
  fallSilent(): void {
    this.#isVoid = true;
    this.#queue.length = 0;
    this.#held.length = 0;
    if (this.#framesUnderWay > 0) this.#stall();
  }

  /** One of the two links has opened: what waited is sent again, what came is acknowledged. */
  onUnblocked(): void {
    if (this.#isOver || this.#isVoid) return;
    if (!this.#back.isCut) {
      this.#framesUnderWay -= this.#framesUnknown;
      this.#wordsUnderWay -= this.#wordsUnknown;
      this.#framesUnknown = 0;
      this.#wordsUnknown = 0;
      if (!this.#link.isCut) this.#isStalling = false;
    }
    if (!this.#link.isOpen) return;
    const { simulation } = this.#world;
    if (this.#isWaiting) {
      this.#isWaiting = false;
      simulation.after(this.#link.delayMs(), this.#arrive);
    }
    if (this.#held.length > 0) simulation.after(this.#link.delayMs(), this.#flushHeld);
  }

  #sendDatagram(frame: Int32Array, delayMs: number, isLost: boolean): void {
    const { faults, prng, counters } = this.#world;
    if (isLost) {
      counters.lost += 1;
      return;
    }
    this.#launch(frame, delayMs);
    if (!prng.chance(this.#link.duplicateProbability)) return;
    counters.duplicated += 1;
    const laterMs = delayMs + this.#link.delayMs() + prng.exponential(faults.holdMeanMs);
    this.#launch(frame.slice(), laterMs);
  }

  #launch(frame: Int32Array, delayMs: number): void {
    const { faults, simulation, counters } = this.#world;
    if (this.#framesUnderWay >= faults.connectionFramesMax) {
      counters.overflowed += 1;
      return;
    }
    this.#enter(frame);
    const order = this.#sentCount;
    const due = Math.max(simulation.now + delayMs, this.#lastDue + BEHIND_MS);
    simulation.at(due, () => this.#arriveDatagram(frame, order));
  }

  #arriveDatagram(frame: Int32Array, order: number): void {
    const { counters } = this.#world;
    if (this.#isOver) return;
    if (this.#link.isCut) {
      this.#leave(frame);
      counters.lostAtCut += 1;
      this.#stall();
      return;
    }
    if (this.#isVoid) {
      this.#stall();
      return;
    }
    if (this.#link.isClogged || !this.#isGreeted) {
      if (this.#link.isClogged) counters.clogWaits += 1;
      this.#held.push({ frame, order });
      return;
    }
    if (order < this.#latestOrder) counters.overtaken += 1;
    else this.#latestOrder = order;
    this.#handOver(frame);
  }

  readonly #flushHeld = (): void => {
    for (const { frame, order } of this.#held.splice(0)) this.#arriveDatagram(frame, order);
  };

  #dueOf(delayMs: number): Instant {
    this.#lastDue = Math.max(this.#lastDue, this.#world.simulation.now + delayMs);
    return this.#lastDue;
  }

  #enqueue(item: Item): void {
    if (this.#isOver) return;
    this.#queue.push(item);
    this.#world.simulation.at(item.due, this.#arrive);
  }

  /** [FP1] Whatever is due arrives in the order of the queue. */
  readonly #arrive = (): void => {
    const queue = this.#queue;
    if (this.#isOver || queue.length === 0) return;
    if (this.#isVoid) {
      this.#stall();
      return;
    }
    if (this.#isWaiting || !this.#link.isOpen) {
      this.#wait();
      return;
    }
    const { now } = this.#world.simulation;
    while (queue.length > 0 && queue[0]!.due <= now) {
      const item = queue.shift()!;
      if (item.kind === 'close') {
        this.#owner.onClose(this.#side, item.reason);
        return;
      }
      this.#handOver(item.frame);
      if (!this.#isGreeted) {
        this.#isGreeted = true;
        this.#flushHeld();
      }
    }
  };

  #handOver(frame: Int32Array): void {
    if (this.#owner.onFrame(this.#side, frame)) this.#leave(frame);
    else this.#stall();
  }

  /** [FP2] */
  #wait(): void {
    const { counters } = this.#world;
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      if (this.#link.isCut) counters.cutWaits += 1;
      else counters.clogWaits += 1;
    }
    if (this.#link.isCut) this.#stall();
  }

  /** What is sent is not acknowledged: the sender goes on trying until its patience ends. */
  #stall(): void {
    if (this.#isStalling) return;
    this.#isStalling = true;
    this.#stallCount += 1;
    const stall = this.#stallCount;
    const { simulation, prng, faults } = this.#world;
    simulation.after(STALL_MS_MIN + prng.exponential(faults.stallMeanMs), () => {
      const isSame = this.#isStalling && stall === this.#stallCount;
      if (isSame && !this.#isOver) this.#owner.onStalled(this.#side);
    });
  }

  #enter(frame: Int32Array): void {
    this.#framesUnderWay += 1;
    this.#wordsUnderWay += frame.length;
  }

  /** Arrived, or lost. The sender of a stream knows only by an acknowledgement. */
  #leave(frame: Int32Array): void {
    if (this.#world.faults.mode === 'stream' && this.#back.isCut) {
      this.#framesUnknown += 1;
      this.#wordsUnknown += frame.length;
      this.#stall();
      return;
    }
    this.#framesUnderWay -= 1;
    this.#wordsUnderWay -= frame.length;
  }
}
