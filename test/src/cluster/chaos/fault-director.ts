/**
 * Carries a plan out: each fault at its gap after the one before. Faults of different nodes, and of
 * processes and links, overlap; of one node and of the links one is under way at a time; a full disk has
 * the cluster to itself.
 *
 * Invariants:
 *   FD1 when `run` has resolved every fault has ended, and every process runs
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Violation } from '../../checkers/history.ts';
import { type ChaosFault, faultText } from './fault-plan.ts';
import type { FullDiskOutcome } from './full-disk.ts';
import type { HostNetwork } from './host-network.ts';

export interface DirectedNode {
  /** Resolves when all that it was told is over. */
  settle(): Promise<void>;
  kill(downMs: number, againAfterMs: number | undefined): void;
  stop(forMs: number): void;
}

export interface DirectedCluster {
  readonly nodes: readonly DirectedNode[];
  readonly network: LinkFaults | undefined;
}

type LinkFaults = Pick<
  HostNetwork,
  | 'cut'
  | 'mendCut'
  | 'refuse'
  | 'mendRefusal'
  | 'isolate'
  | 'mendIsolation'
  | 'slow'
  | 'mendSlowness'
>;

export interface DirectorParts {
  readonly cluster: DirectedCluster;
  readonly log: (line: string) => void;
  readonly fillDisk: (node: number, isKilledMeanwhile: boolean) => Promise<FullDiskOutcome>;
  /** Told that a fault of a process or a link begins; called again when it has ended. */
  readonly watch?: (text: string) => () => void;
}

type LinkFault = ChaosFault & { readonly kind: 'cut' | 'refuse' | 'isolate' | 'slow' };

export class FaultDirector {
  readonly violations: Violation[] = [];
  /** By kind. Kills count processes. */
  readonly counts: Map<string, number> = new Map();
  readonly #parts: DirectorParts;
  #links: Promise<void> = Promise.resolve();

  constructor(parts: DirectorParts) {
    this.#parts = parts;
  }

  async run(plan: readonly ChaosFault[]): Promise<void> {
    for (const fault of plan) {
      await sleep(fault.gapMs);
      await this.#begin(fault);
    }
    await this.#allOver();
  }

  async #begin(fault: ChaosFault): Promise<void> {
    const { cluster, log } = this.#parts;
    switch (fault.kind) {
      case 'kill':
      case 'stop': {
        const nodes = fault.nodes.map((node) => cluster.nodes[node]!);
        await Promise.all(nodes.map((node) => node.settle()));
        log(faultText(fault));
        for (const node of nodes) {
          if (fault.kind === 'stop') node.stop(fault.forMs);
          else node.kill(fault.downMs, fault.againAfterMs);
        }
        const ended = this.#watch(fault);
        void Promise.all(nodes.map((node) => node.settle())).then(ended);
        this.#count(fault.kind, nodes.length * (fault.kind === 'kill' ? timesOf(fault) : 1));
        return;
      }
      case 'full-disk':
        await this.#fillDisk(fault.node, fault.isKilledMeanwhile, faultText(fault));
        return;
      default:
        await this.#links;
        log(faultText(fault));
        this.#count(fault.kind, 1);
        this.#links = this.#harmLinks(fault);
    }
  }

  async #harmLinks(fault: LinkFault): Promise<void> {
    const network = this.#parts.cluster.network!;
    const ended = this.#watch(fault);
    const mend = harm(network, fault);
    await sleep(fault.forMs);
    mend();
    ended();
  }

  async #fillDisk(node: number, isKilledMeanwhile: boolean, text: string): Promise<void> {
    const { log, fillDisk } = this.#parts;
    await this.#allOver();
    log(text);
    this.#count('full-disk', 1);
    const outcome = await fillDisk(node, isKilledMeanwhile);
    const { refusals, reasons, readsWhileFull, neededRestart } = outcome;
    this.violations.push(...outcome.violations);
    const refused = [...refusals].map(([what, count]) => `${count} x ${what}`).join(', ');
    const recovery = neededRestart ? 'needed a restart' : 'needed no restart';
    log(`  refused: ${refused}; ${readsWhileFull} reads answered; ${recovery}`);
    log(`  it said: ${reasons.join('; ')}`);
    if (neededRestart) this.#count('restart-after-full-disk', 1);
  }

  /** [FD1] */
  async #allOver(): Promise<void> {
    await this.#links;
    await Promise.all(this.#parts.cluster.nodes.map((node) => node.settle()));
  }

  #watch(fault: ChaosFault): () => void {
    return this.#parts.watch?.(faultText(fault)) ?? (() => undefined);
  }

  #count(kind: string, count: number): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + count);
  }
}

function timesOf({ againAfterMs }: ChaosFault & { readonly kind: 'kill' }): number {
  return againAfterMs === undefined ? 1 : 2;
}

/** Returns what ends it. */
function harm(network: LinkFaults, fault: LinkFault): () => void {
  switch (fault.kind) {
    case 'cut':
      for (const direction of fault.directions) network.cut(direction);
      return () => fault.directions.forEach((direction) => network.mendCut(direction));
    case 'refuse':
      for (const direction of fault.directions) network.refuse(direction);
      return () => fault.directions.forEach((direction) => network.mendRefusal(direction));
    case 'isolate':
      network.isolate(fault.node);
      return () => network.mendIsolation(fault.node);
    default:
      network.slow(fault.node, fault.slowness);
      return () => network.mendSlowness(fault.node);
  }
}
