import type { OwedReport, StatusReport } from '@clockwise/server/status-report';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeStatus } from './cluster-status.ts';
import { durationText, statusJson } from './commands/status.ts';
import type { FoundCluster } from './find-cluster.ts';
import { problemsOf } from './health.ts';
import { selfCommand } from './self-command.ts';

const found: FoundCluster = { servers: ['127.0.0.1:1'], local: undefined, self: selfCommand() };
const NODES = ['n1', 'n2', 'n3'];

interface Said {
  readonly ready?: boolean;
  readonly healthy?: boolean;
  readonly reasons?: readonly string[];
  readonly hash?: string;
  readonly owes?: readonly OwedReport[];
  readonly sees?: Readonly<Record<string, 'up' | 'down' | 'unknown'>>;
}

function reportOf(nodeId: string, said: Said): StatusReport {
  const nodes = NODES.map((id) => ({
    ...{ nodeId: id, dataCentre: 'dc-1', rack: 'rack-1', address: '', adminAddress: '' },
    state: said.sees?.[id] ?? ('up' as const),
    partitionsOwned: 256,
  }));
  return {
    ...{ nodeId, clusterId: 'c', version: '0', uptimeSeconds: 1 },
    ready: said.ready ?? true,
    healthy: said.healthy ?? true,
    reasons: said.reasons ?? [],
    ring: { epoch: 1, hash: said.hash ?? 'same', partitions: 256, nodes },
    ...{ shards: [], actors: [], differences: [], figures: {} },
    hints: { isCounted: true, targets: said.owes ?? [] },
  };
}

function answered(nodeId: string, said: Said = {}): NodeStatus {
  const node = { nodeId, address: '127.0.0.1:1', adminAddress: '127.0.0.1:2' };
  return { kind: 'answered', node, report: reportOf(nodeId, said) };
}

function down(nodeId: string): NodeStatus {
  return { kind: 'down', node: { nodeId, address: 'a', adminAddress: 'b' }, reason: 'refused' };
}

function textsOf(nodes: readonly NodeStatus[]): readonly string[] {
  return problemsOf(nodes, found, '/').map((problem) => problem.text);
}

test('[HL1] healthy only when every node is, sees the others, and holds the same ring', () => {
  assert.equal(textsOf(NODES.map((id) => answered(id))), []);
  const [first, second] = [answered('n1'), answered('n2')];
  assert.equal(textsOf([first, second, down('n3')]), ['n3 is down: refused']);
  const starting = answered('n3', { ready: false, healthy: false });
  assert.equal(textsOf([first, second, starting]), ['n3 is not ready']);
  const fenced = answered('n3', { healthy: false, reasons: ['shard 0 is fenced', 'disk full'] });
  assert.equal(textsOf([first, second, fenced]), ['n3: shard 0 is fenced', 'n3: disk full']);
  const blind = answered('n3', { sees: { n1: 'down' } });
  assert.equal(textsOf([first, second, blind]), ['n3 sees n1 as down']);
  assert.is(textsOf([first, second, answered('n3', { hash: 'other' })]).length, 1);
});

test('[HL1] a node that is down is told once, not by everyone who misses it', () => {
  const sees = { n3: 'down' as const };
  const texts = textsOf([answered('n1', { sees }), answered('n2', { sees }), down('n3')]);
  assert.equal(texts, ['n3 is down: refused']);
});

test('[HL1] what is owed for long is told once, with the command that waits for it', () => {
  const owed = { nodeId: 'n2', copies: 1200, marks: 4, dirty: 0, bytes: 1, oldestSeconds: 41 };
  const moment = { ...owed, nodeId: 'n3', oldestSeconds: 2 };
  const reasons = ['owes n2 1,204 objects for 41 s', 'disk full'];
  const said = { healthy: false, reasons, owes: [owed, moment] };
  const problems = problemsOf([answered('n1', said), answered('n2')], found, '/');
  assert.equal(
    problems.map(({ text }) => text),
    ['n1: disk full', 'n1 owes n2 1,204 objects for 41 s'],
  );
  assert.match(problems[1]!.next, 'hints --wait n2');
});

test('[HL2] every problem names the next command', () => {
  const nodes: NodeStatus[] = [
    answered('n1', { sees: { n2: 'unknown' }, hash: 'other' }),
    answered('n2', { healthy: false, reasons: ['x'] }),
    down('n3'),
  ];
  const problems = problemsOf(nodes, found, '/');
  assert.is(problems.length, 4);
  for (const { next } of problems) assert.is.not(next, '');
  const json = statusJson(nodes, problems) as { healthy: boolean; ready: boolean };
  assert.is(json.healthy, false);
  assert.is(json.ready, false);
});

test('durations are told in their two greatest units', () => {
  const texts = [0, 59.9, 60, 3725, 90_000].map(durationText);
  assert.equal(texts, ['0 s', '59 s', '1 min 0 s', '1 h 2 min', '1 d 1 h']);
});

test.run();
