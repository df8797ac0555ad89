/**
 * D10 in virtual time: a replica that becomes a hundred times slower costs gets little, once that is
 * noticed. The coordinator is real; the replicas answer after a time that is drawn.
 */
import { Prng } from '@clockwise/kernel/prng';
import { STATUS_OK } from '@clockwise/protocol/errors';
import { REPLICA_OPCODE, REPLY_KIND } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CoordinatorWorld,
  opcodeOf,
  requestIdOf,
  type Sent,
  statusOf,
} from '../coordinator-world.ts';
import { get, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
const VALUE = record({ dots: [[9, 1]] });
const GETS_PER_SECOND = 200;
const TICK_MS = 1;
const SLOWER = 100;

interface Pending {
  readonly at: number;
  readonly node: number;
  readonly sent: Sent;
}

class SlowWorld {
  readonly #world: CoordinatorWorld = CoordinatorWorld.linked();
  readonly #prng: Prng = new Prng('slow');
  readonly #begun: Map<number, number> = new Map();
  #pending: Pending[] = [];
  #requests = 0;
  /** By node: how much slower than usual. */
  readonly factors: number[] = [1, 1, 1];
  latencies: number[] = [];

  /** Gets at an even pace for so long. */
  runs(milliseconds: number): void {
    const end = this.#world.now + milliseconds;
    const every = 1000 / GETS_PER_SECOND;
    let next = this.#world.now;
    while (this.#world.now < end) {
      this.#world.passes(TICK_MS);
      this.#deliver();
      for (; next <= this.#world.now; next += every) this.#ask();
      this.#takeSent();
      this.#takeAnswers();
    }
  }

  p99(): number {
    const sorted = this.latencies.toSorted((left, right) => left - right);
    this.latencies = [];
    return sorted[Math.floor(sorted.length * 0.99)]!;
  }

  figure(name: string): number {
    return this.#world.figures()[name] as number;
  }

  #ask(): void {
    this.#requests += 1;
    this.#begun.set(this.#requests, this.#world.now);
    this.#world.ask(CLIENT, get(this.#requests, 'k'));
  }

  #deliver(): void {
    const due = this.#pending.filter(({ at }) => at <= this.#world.now);
    this.#pending = this.#pending.filter(({ at }) => at > this.#world.now);
    for (const { node, sent } of due) {
      const reply = { kind: REPLY_KIND.read, record: VALUE };
      if (node === 0) this.#world.shardReplies([[sent, reply]]);
      else this.#world.nodeReplies(node, sent, reply);
    }
  }

  #takeSent(): void {
    for (const node of [0, 1, 2]) {
      const sent = node === 0 ? this.#world.sentToShard() : this.#world.sentToNode(node);
      for (const operation of sent) {
        assert.is(opcodeOf(operation), REPLICA_OPCODE.read);
        const milliseconds = (2 + this.#prng.exponential(1)) * this.factors[node]!;
        this.#pending.push({ at: this.#world.now + milliseconds, node, sent: operation });
      }
    }
  }

  #takeAnswers(): void {
    for (const answer of this.#world.sentTo(CLIENT)) {
      assert.is(statusOf(answer), STATUS_OK);
      const id = requestIdOf(answer);
      this.latencies.push(this.#world.now - this.#begun.get(id)!);
      this.#begun.delete(id);
    }
  }
}

for (const slow of [0, 1, 2]) {
  test(`D10 node ${slow} a hundred times slower: after 10 s the p99 is at most 1.5 times the former`, () => {
    const world = new SlowWorld();
    world.runs(5000);
    world.latencies = [];
    world.runs(10_000);
    const before = world.p99();
    world.factors[slow] = SLOWER;
    world.runs(10_000);
    const meanwhile = world.p99();
    const hedges = world.figure('hedges');
    world.runs(10_000);
    const after = world.p99();
    assert.ok(after <= 1.5 * before, `${before} ms before, ${meanwhile} meanwhile, ${after} after`);
    assert.ok(world.figure('hedges') - hedges <= GETS_PER_SECOND, 'it is not hedges that do it');
    world.factors[slow] = 1;
    world.runs(20_000);
    world.latencies = [];
    world.runs(10_000);
    assert.ok(world.p99() <= 1.5 * before);
  });
}

test.run();
