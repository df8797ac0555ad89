/**
 * A story of a partition that changes hands, drawn from a seed: clients write its keys through any node,
 * at any level that they are not judged by as readers; processes end, with and without what was not synced;
 * and one owner after the other is replaced, gives up, and gets the partition back.
 */
import { LEVEL } from '@clockwise/protocol/frame';
import { Prng } from '@clockwise/kernel/prng';
import { HOLDING } from '@clockwise/replica/held-partitions';
import { BUCKET } from '../simulation/configuration.ts';
import { ringWithOwner } from '../simulation/next-ring.ts';
import { RingChanges } from './ring-changes.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const NODES = 5;
const KEYS = 5;
const MOVES = 4;

export function runRingStory(seed: string): readonly string[] {
  const story = new RingStory(seed);
  for (let move = 0; move < MOVES; move += 1) story.move();
  return story.verdict();
}

class RingStory {
  readonly #prng: Prng;
  readonly #world: ScriptedCluster;
  readonly #changes: RingChanges;
  readonly #partition: number;
  readonly #keys: readonly string[];
  #count = 0;
  #former = -1;

  constructor(seed: string) {
    this.#prng = new Prng(seed);
    this.#world = new ScriptedCluster({
      nodeCount: NODES,
      copies: 3,
      fields: { partitionBits: 4 },
      seed,
    });
    const { cluster } = this.#world;
    this.#changes = new RingChanges(this.#world);
    this.#partition = this.#prng.below(16);
    this.#keys = Array.from({ length: 400 }, (_, index) => `key-${index}`)
      .filter((key) => cluster.partitionOf(BUCKET.sync, key) === this.#partition)
      .slice(0, KEYS);
  }

  /** Another node in the place of an owner; what the one gives up the other has by then. */
  move(): void {
    const prng = this.#prng;
    const owners = this.#world.primariesOf(this.#keys[0]!);
    const others = [0, 1, 2, 3, 4].filter((node) => !owners.includes(node));
    // Who gave it up last gets it back more often than not.
    const isBack = others.includes(this.#former) && prng.chance(0.7);
    const [from, to] = [prng.pick(owners), isBack ? this.#former : prng.pick(others)];
    this.#former = from;
    const stay = owners.filter((node) => node !== from);
    this.#live();
    const next = ringWithOwner(this.#changes.ring, this.#partition, nameOf(from), nameOf(to));
    this.#apply(next);
    if (prng.chance(0.5)) this.#put(to);
    this.#live();
    // A coordinator that begins anew hands over anew: that must be let happen.
    let ends = prng.below(3);
    this.#changes.giveUp(from, this.#partition, this.#keys, () => {
      if (ends === 0 || prng.chance(0.7)) return;
      ends -= 1;
      this.#end(from);
    });
    this.#live();
    for (const node of stay) this.#changes.owe(node, this.#partition, [to]);
    if (this.#changes.holding(to, this.#partition) === HOLDING.lacking) {
      this.#changes.fill(to, this.#partition);
    }
  }

  verdict(): readonly string[] {
    this.#live();
    for (const node of this.#world.cluster.nodes.keys())
      if (this.#prng.chance(0.5)) this.#end(node);
    this.#world.pass(1500);
    return this.#world.verdict();
  }

  #apply(next: Parameters<RingChanges['restart']>[0]): void {
    const how = this.#prng.below(4);
    if (how < 2) this.#changes.adopt(next);
    else if (how === 2) this.#changes.restart(next);
    else this.#changes.restartInTurn(next, this.#prng.below(400));
    this.#world.pass(this.#prng.below(1500));
  }

  /** Writes, ends and waits. */
  #live(): void {
    for (let step = this.#prng.below(6); step > 0; step -= 1) {
      const choice = this.#prng.below(8);
      if (choice === 0) this.#end(this.#prng.below(NODES));
      else if (choice === 1) this.#world.pass(this.#prng.below(800));
      else this.#put();
    }
  }

  #put(via: number = this.#prng.below(NODES)): void {
    const prng = this.#prng;
    this.#count += 1;
    const key = prng.pick(this.#keys);
    const level = prng.chance(0.5) ? LEVEL.one : LEVEL.quorum;
    const asked = { level, isStrict: prng.chance(0.3) };
    if (prng.chance(0.3)) {
      const read = this.#world.get(via, key, { level: LEVEL.one });
      if (read.outcome !== 'ok') return;
      this.#world.put(via, key, `value ${this.#count}`, { ...asked, context: read.context });
    } else {
      this.#world.put(via, key, `value ${this.#count}`, asked);
    }
  }

  #end(node: number): void {
    const ended = this.#world.cluster.nodes[node]!;
    ended.crash(this.#prng.chance(0.5) ? 'drop-all' : 'keep-all');
    ended.start();
    this.#world.pass(this.#prng.below(300));
  }
}

function nameOf(node: number): string {
  return `n${node + 1}`;
}
