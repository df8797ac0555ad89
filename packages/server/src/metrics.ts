/**
 * A status report as Prometheus text (exposition format 0.0.4). What a figure counts is its actor's to
 * say, so figures are untyped.
 */
import type { StatusReport } from './status-report.ts';

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly labels: Labels;
  readonly value: number;
}
interface Family {
  readonly type: 'gauge' | 'counter' | 'untyped';
  readonly help: string;
  readonly samples: Sample[];
}

export function metricsText(report: StatusReport): string {
  const families = new Map<string, Family>();
  const add = (
    name: string,
    sample: Sample,
    type: Family['type'] = 'gauge',
    help: string = '',
  ): void => {
    const family = families.get(name) ?? { type, help, samples: [] };
    family.samples.push(sample);
    families.set(name, family);
  };
  const own = (name: string, value: number, help: string): void =>
    add(`clockwise_${name}`, { labels: {}, value }, 'gauge', help);
  own('ready', Number(report.ready), 'Whether every actor runs and every shard serves.');
  own('healthy', Number(report.healthy), 'Whether there is nothing to look at.');
  own('uptime_seconds', report.uptimeSeconds, 'Seconds since the node started.');
  own('ring_epoch', report.ring.epoch, 'The epoch of the ring.');
  for (const { nodeId: node, state } of report.ring.nodes) {
    const sample = { labels: { node }, value: Number(state === 'up') };
    add('clockwise_node_up', sample, 'gauge', 'Whether a node is up, as this one sees it.');
  }
  for (const { shard, state } of report.shards) {
    const sample = { labels: { shard: String(shard) }, value: Number(state === 'ready') };
    add('clockwise_shard_ready', sample, 'gauge', 'Whether a shard serves.');
  }
  for (const { name: actor, restarts } of report.actors) {
    const sample = { labels: { actor }, value: restarts };
    add('clockwise_actor_restarts_total', sample, 'counter', 'Starts anew of a thread.');
  }
  for (const { nodeId: node, partitionsDiffering: value } of report.differences) {
    const help = 'Partitions whose hash trees differ from those of a peer.';
    add('clockwise_partitions_differing', { labels: { node }, value }, 'gauge', help);
  }
  for (const { nodeId: node, copies, marks, dirty, bytes, oldestSeconds } of report.hints.targets) {
    const owed = (name: string, value: number, help: string): void =>
      add(`clockwise_owed_${name}`, { labels: { node }, value }, 'gauge', help);
    owed('copies', copies, 'Objects stored in place of another node.');
    owed('marks', marks, 'Objects that another node did not acknowledge in time.');
    owed('dirty_ranges', dirty, 'Partitions that another node is to be handed as a whole.');
    owed('bytes', bytes, 'Bytes of what is kept for another node.');
    owed('oldest_seconds', oldestSeconds, 'For how long the oldest of it has waited.');
  }
  for (const [actor, figures] of Object.entries(report.figures)) {
    const kind = actor.replace(/-\d+$/, '');
    for (const [figure, value] of Object.entries(figures)) {
      if (typeof value !== 'number') continue;
      const name = `clockwise_${snake(kind)}_${snake(figure)}`;
      add(name, { labels: { actor }, value }, 'untyped', `Of the ${kind}: ${figure}.`);
    }
  }
  return [...families].map(([name, family]) => familyText(name, family)).join('');
}

function familyText(name: string, { type, help, samples }: Family): string {
  const lines = samples.map(({ labels, value }) => {
    const inner = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
    return `${name}${inner.length === 0 ? '' : `{${inner.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function snake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_');
}

function escape(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
