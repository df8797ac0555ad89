/**
 * Two simulated data centres of three nodes, three copies in each: what crosses between them, and a load
 * on both that stays at home.
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  LEVEL,
  OPERATION,
  REPLICA_OPCODE,
  TAG,
} from '@clockwise/protocol/frame';
import { frameTag } from '@clockwise/protocol/validate-frame';
import type { Link } from '@clockwise/simulator/link';
import { BUCKET } from '../simulation/configuration.ts';
import type { OperationResult } from '../simulation/client-requests.ts';
import type { PlannedOperation } from '../workloads/workload.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

/** Nodes by data centre: the simulated ring deals them out in turn. */
export const CENTRES = [
  [0, 2, 4],
  [1, 3, 5],
] as const;
const { localQuorum } = LEVEL;

export function twoCentres(): ScriptedCluster {
  return new ScriptedCluster({
    nodeCount: 6,
    copies: 6,
    fields: { dataCentreCount: 2, isPerDataCentre: true, limits: DEFAULT_LIMITS },
  });
}

/** The links from one data centre to the other, both ways. */
export function linksBetween({ cluster }: ScriptedCluster): readonly Link[] {
  const { nodes, network } = cluster;
  const [here, there] = CENTRES;
  return here.flatMap((one) =>
    there.flatMap((other) => {
      const [from, to] = [nodes[one]!.nodeId, nodes[other]!.nodeId];
      return [network.link(from, to), network.link(to, from)];
    }),
  );
}

/** What was sent from one data centre to the other. */
export class Crossing {
  bytes = 0;
  readonly operations: Map<number, number> = new Map();

  constructor(world: ScriptedCluster) {
    for (const link of linksBetween(world)) link.onSent = (frame) => this.#sent(frame);
  }

  get stores(): number {
    return this.operations.get(REPLICA_OPCODE.store) ?? 0;
  }

  get reads(): number {
    return this.operations.get(REPLICA_OPCODE.read) ?? 0;
  }

  #sent(frame: Int32Array): void {
    const tag = frameTag(frame, 0);
    if (tag !== TAG.replicaRequest && tag !== TAG.replicaReply) return;
    this.bytes += frame.length * 4;
    if (tag !== TAG.replicaRequest) return;
    let offset = FRAME_HEADER_WORDS;
    for (let left = frame[FRAME.operationCount]!; left > 0; left -= 1) {
      const opcode = frame[offset + OPERATION.opcode]! & 0xff;
      this.operations.set(opcode, (this.operations.get(opcode) ?? 0) + 1);
      offset += frame[offset + OPERATION.wordCount]!;
    }
  }
}

export interface Served {
  ok: number;
  readonly failures: OperationResult[];
  slowestMs: number;
}

/**
 * A client at each node, which puts and gets at local-quorum, one operation after the other with a pause
 * between: keys that all share, and keys of its own, of which it must find what it put there last.
 */
export class Load {
  readonly served: readonly [Served, Served] = [newServed(), newServed()];
  readonly lost: string[] = [];
  readonly #world: ScriptedCluster;
  readonly #pauseMs: number;
  readonly #keyCount: number;
  readonly #last: Map<string, string> = new Map();
  #isStopped = false;
  #underWay = 0;

  constructor(world: ScriptedCluster, pauseMs: number, keyCount: number) {
    this.#world = world;
    this.#pauseMs = pauseMs;
    this.#keyCount = keyCount;
  }

  start(): void {
    for (const [centre, nodes] of CENTRES.entries()) {
      for (const node of nodes) this.#next(centre as 0 | 1, node, 0);
    }
  }

  stop(): void {
    this.#isStopped = true;
    while (this.#underWay > 0) this.#world.pass(100);
  }

  #next(centre: 0 | 1, node: number, count: number): void {
    if (this.#isStopped) return;
    const { simulation } = this.#world.cluster;
    const begunAt = simulation.now;
    const planned = this.#plan(node, count);
    this.#underWay += 1;
    this.#world.begin(100 + node, node, planned, (result) => {
      this.#underWay -= 1;
      const served = this.served[centre];
      served.slowestMs = Math.max(served.slowestMs, simulation.now - begunAt);
      if (result.outcome === 'ok') served.ok += 1;
      else served.failures.push(result);
      this.#look(planned, result);
      const jitter = 0.5 + ((count * 7919 + node * 104_729) % 1000) / 1000;
      simulation.after(this.#pauseMs * jitter, () => this.#next(centre, node, count + 1));
    });
  }

  #plan(node: number, count: number): PlannedOperation {
    const turn = count % 5;
    const shared = `shared-${(count * 31 + node * 17) % this.#keyCount}`;
    const own = `own-${node}-${Math.floor(count / 5) % 20}`;
    const common = { bucketId: BUCKET.sync, level: localQuorum } as const;
    if (turn === 4) return { kind: 'get', key: own, ...common };
    if (turn === 2) return { kind: 'get', key: shared, ...common };
    const key = turn === 3 ? own : shared;
    const value = `${node}-${count}-${'x'.repeat(100)}`;
    return { kind: 'put', key, value, context: { kind: 'overwrite' }, ...common };
  }

  /** A quorum of the own data centre meets every quorum of it. */
  #look(planned: PlannedOperation, result: OperationResult): void {
    if (!planned.key.startsWith('own') || result.outcome !== 'ok') return;
    if (planned.kind === 'put') {
      this.#last.set(planned.key, planned.value);
    } else {
      const last = this.#last.get(planned.key);
      if (last === undefined || result.values.includes(last)) return;
      this.lost.push(`${planned.key}: ${last} is not among ${result.values.length} values`);
    }
  }
}

function newServed(): Served {
  return { ok: 0, failures: [], slowestMs: 0 };
}
