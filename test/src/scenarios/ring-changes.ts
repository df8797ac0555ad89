/**
 * Changes of the ring in a scripted cluster. What decides them comes with membership: here the story
 * does, and carries them out as a ring-manager would, by the messages that replicas and coordinators take.
 */
import { assert } from '@clockwise/kernel/assert';
import type { Ring } from '@clockwise/placement/ring';
import { OWED } from '@clockwise/record/hidden';
import { HOLDING } from '@clockwise/replica/held-partitions';
import { nameOfKey } from '../checkers/history.ts';
import { BUCKET } from '../simulation/configuration.ts';
import type { HiddenRecord } from '../simulation/replica-mirror.ts';
import type { ScriptedCluster } from './scripted-cluster.ts';

const AGAIN_MS = 500;
const PATIENCE_MS = 20_000;

export class RingChanges {
  readonly #world: ScriptedCluster;
  #requests = 0;

  constructor(world: ScriptedCluster) {
    this.#world = world;
  }

  get ring(): Ring {
    return this.#world.cluster.ring;
  }

  /** All processes end, and those of members begin with the next ring, but for those held down. */
  restart(next: Ring): void {
    const { cluster } = this.#world;
    for (const node of cluster.nodes) node.crash('keep-all');
    cluster.decide(next);
    for (const node of cluster.members) node.start();
  }

  /** One process after the other: for a while rings of two epochs are there side by side. */
  restartInTurn(next: Ring, pauseMs: number): void {
    const { cluster } = this.#world;
    cluster.decide(next);
    for (const node of cluster.nodes) {
      node.crash('keep-all');
      node.start();
      this.#world.pass(pauseMs);
    }
  }

  /** Shards stay open, and hear of the next ring; all other actors begin anew with it. `late`: a node that does not. */
  adopt(next: Ring, late?: number): void {
    const { cluster } = this.#world;
    cluster.decide(next);
    for (const node of cluster.members) if (node !== cluster.nodes[late ?? -1]) node.adopt();
    this.#world.pass(1500);
  }

  /** Who was late hears of the ring that rules. */
  adoptLate(node: number): void {
    this.#world.cluster.nodes[node]!.adopt();
    this.#world.pass(1500);
  }

  /** A node owes others all that it holds of a partition; goes on when it says that they have it. */
  owe(node: number, partition: number, to: readonly number[]): void {
    const machine = this.#world.cluster.nodes[node]!;
    const nodeIds = to.map((other) => this.#world.cluster.nodes[other]!.nodeId);
    const { epoch } = this.ring;
    const about = { partition, replicationClass: 0, epoch, nodeIds } as const;
    this.#ask(node, (request) =>
      machine.tellCoordinator({ kind: 'range-owed', request, ...about }),
    );
  }

  /** REQUIRES: `keys` are all that the node ever had of the partition. `befall` comes each time that it was said. */
  giveUp(
    node: number,
    partition: number,
    keys: readonly string[],
    befall: () => void = () => undefined,
  ): void {
    const { nodes, witness } = this.#world.cluster;
    this.#ask(node, (request) => {
      this.#tellGivenUp(node, partition, request);
      this.#world.pass(5);
      befall();
    });
    assert(nodes[node]!.holding(partition) === HOLDING.gone, 'what is said to be dropped is gone');
    const names = keys.map((key) => nameOfKey({ bucketId: BUCKET.sync, key }));
    witness.mirror.dropped(`${nodes[node]!.nodeId}/0`, names);
  }

  /** Until the shard drops the partition, and no further. */
  beginGivingUp(node: number, partition: number): void {
    const { dropping } = HOLDING;
    const tell = (): void => this.#tellGivenUp(node, partition, 0);
    this.#until(() => this.holding(node, partition) === dropping, tell);
  }

  #tellGivenUp(node: number, partition: number, request: number): void {
    const { epoch } = this.ring;
    const message = { kind: 'partition-given-up', request, partition, epoch } as const;
    this.#world.cluster.nodes[node]!.tellCoordinator(message);
  }

  /** The partition that came back has all that it should. */
  fill(node: number, partition: number): void {
    const { epoch } = this.ring;
    const machine = this.#world.cluster.nodes[node]!;
    this.#ask(node, (request) =>
      machine.tellShard(0, { kind: 'partition-filled', request, partition, epoch }),
    );
    assert(this.holding(node, partition) === HOLDING.whole, 'what is said to be filled is whole');
  }

  holding(node: number, partition: number): number | undefined {
    return this.#world.cluster.nodes[node]!.holding(partition);
  }

  /** What members keep for positions of a ring before this one. */
  ofEarlierRings(): readonly HiddenRecord[] {
    const { epoch } = this.ring;
    return this.kept().filter(({ owed }) => owed >>> OWED.epochShift !== epoch);
  }

  /** What members keep for others: what lies on the disk of a node that left is gone with it. */
  kept(): readonly HiddenRecord[] {
    const { members, witness } = this.#world.cluster;
    return members.flatMap(({ nodeId }) => witness.mirror.hiddenOf(nodeId, 1));
  }

  /** Says a thing under one number again and again, until the node says that it is done. */
  #ask(node: number, say: (request: number) => void): void {
    this.#requests += 1;
    const request = this.#requests;
    const machine = this.#world.cluster.nodes[node]!;
    this.#until(
      () => machine.isDone(request),
      () => say(request),
    );
  }

  /** Says a thing again until it is so. */
  #until(isSo: () => boolean, say: () => void): void {
    const { simulation } = this.#world.cluster;
    const deadline = simulation.now + PATIENCE_MS;
    while (!isSo()) {
      assert(simulation.now < deadline, 'what the ring asks for comes to be');
      say();
      simulation.run(simulation.now + AGAIN_MS, isSo);
    }
  }
}
