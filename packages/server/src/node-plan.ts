/**
 * Which threads a node has, and what each is told: the supervisor's plan from the configuration.
 *
 *     coordinator-0 · replica-N and log-N for each shard · gossiper · control (or its three apart)
 *
 * On few processors the coordinator lives in the thread of replica-0: an operation then crosses no
 * thread but the log writer's (docs/decisions/0008).
 */
import path from 'node:path';
import type { Ring } from '@clockwise/placement/ring';
import type { ListenOptions } from '@clockwise/runtime/link/listener';
import type { ActorThreadPlan, ShardPlan } from '@clockwise/runtime/supervisor/node-plan';
import type { Configuration } from './configuration.ts';
import type { NodeData } from './node-data.ts';

export interface NodePlan {
  readonly coordinators: readonly ActorThreadPlan[];
  readonly shards: readonly ShardPlan[];
  readonly others: readonly ActorThreadPlan[];
  /** Names of the supervisor's units, and of all actors but `main`. */
  readonly units: readonly string[];
  readonly actors: readonly string[];
}

const worker = (name: string): URL => new URL(`./workers/${name}.js`, import.meta.url);

export function planNode(configuration: Configuration, data: NodeData): NodePlan {
  const { self, originsAllowed, dataFolder, actors } = configuration;
  const listen = (port: number): ListenOptions => ({ host: self.host, port, originsAllowed });
  const shards = Array.from({ length: data.shardCount }, (_, shard): ShardPlan => {
    const own: NodeData = { ...data, folder: shardFolder(dataFolder, shard) };
    const plan = { logModule: worker('log-writer'), data: own, logData: own };
    return actors === 'together' && shard === 0
      ? { ...plan, module: worker('data-path'), coordinator: 0 }
      : { ...plan, module: worker('replica') };
  });
  const thread = (name: string, port?: number): ActorThreadPlan => ({
    name,
    module: worker(name.replace(/-\d+$/, '')),
    actors: [{ name, listen: port === undefined ? null : listen(port) }],
    data,
  });
  const antiEntropy = thread('anti-entropy', self.ports.control);
  const apart = [thread('ring-manager'), thread('compactor'), antiEntropy];
  const together: ActorThreadPlan = {
    name: 'control',
    module: worker('control'),
    actors: apart.flatMap((plan) => plan.actors),
    data,
  };
  const coordinators = [thread('coordinator-0', self.ports.coordinator)];
  const gossiper = thread('gossiper', self.ports.gossiper);
  const others = [gossiper, ...(actors === 'apart' ? apart : [together])];
  const replicas = shards.map((_, shard) => `replica-${shard}`);
  const plans = [...coordinators, ...others];
  return {
    coordinators,
    shards,
    others,
    units: [...replicas, ...plans.map((plan) => plan.name)],
    actors: [...replicas, ...plans.flatMap((plan) => plan.actors.map((place) => place.name))],
  };
}

export function shardFolder(dataFolder: string, shard: number): string {
  return path.join(dataFolder, `shard-${shard}`);
}

export function addressesOf(ring: Ring, which: 'gossiper' | 'control'): string[] {
  return ring.nodes.map((node) => node.addresses[which]);
}
