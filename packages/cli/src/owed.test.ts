import type { OwedReport, StatusReport } from '@clockwise/server/status-report';
import { owedText } from '@clockwise/server/owed-text';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeStatus } from './cluster-status.ts';
import { missingOf, owedOf } from './owed.ts';

function owed(nodeId: string, counts: Partial<OwedReport> = {}): OwedReport {
  return { nodeId, copies: 0, marks: 0, dirty: 0, bytes: 0, oldestSeconds: 41, ...counts };
}

function answered(
  nodeId: string,
  targets: readonly OwedReport[] = [],
  isCounted = true,
): NodeStatus {
  const report: StatusReport = {
    ...{ nodeId, clusterId: 'c', version: '0', uptimeSeconds: 1 },
    ...{ ready: true, healthy: true, reasons: [] },
    ring: { epoch: 1, hash: 'same', partitions: 256, nodes: [] },
    ...{ shards: [], actors: [], differences: [], figures: {} },
    hints: { isCounted, targets },
  };
  return { kind: 'answered', node: { nodeId, address: '', adminAddress: '' }, report };
}

function down(nodeId: string): NodeStatus {
  const node = { nodeId, address: '', adminAddress: '' };
  return { kind: 'down', node, reason: 'connection refused' };
}

test('what is owed is said in words', () => {
  const texts = [
    owed('n2', { copies: 1000, marks: 204 }),
    owed('n2', { marks: 1, oldestSeconds: 3600 }),
    owed('n2', { dirty: 2 }),
    owed('n2', { copies: 3, dirty: 1 }),
  ].map(owedText);
  assert.equal(texts, [
    'owes n2 1,204 objects for 41 s',
    'owes n2 1 object for 3,600 s',
    'owes n2 2 whole partitions for 41 s',
    'owes n2 3 objects and 1 whole partition for 41 s',
  ]);
});

test('each line names who owes what to whom', () => {
  const nodes = [answered('n1', [owed('n2', { copies: 7 })]), answered('n3'), answered('n2')];
  const { lines, unsure } = owedOf(nodes);
  assert.equal(lines, [{ from: 'n1', ...owed('n2', { copies: 7 }) }]);
  assert.equal(unsure, []);
});

test('[OW1] a node misses nothing only when all nodes have counted and owe it nothing', () => {
  const others = [owed('n3', { marks: 5 })];
  assert.equal(missingOf([answered('n1', others), answered('n2')], 'n2'), []);
  assert.equal(missingOf([answered('n1', [owed('n2', { marks: 5 })])], 'n2'), [
    'n1 owes n2 5 objects for 41 s',
  ]);
  assert.equal(missingOf([answered('n1', [], false), answered('n2')], 'n2'), [
    'n1 still looks through its store',
  ]);
  assert.equal(missingOf([answered('n1'), down('n3')], 'n2'), [
    'n3 cannot be asked: connection refused',
  ]);
});

test.run();
