import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addressOf,
  clusterFilePath,
  clusterFileText,
  createClusterFile,
  parseClusterFile,
  readClusterFile,
  type ClusterFile,
} from './cluster-file.ts';

const cluster: ClusterFile = {
  format: 1,
  clusterId: 'local-1',
  lockPort: 20_000,
  nodes: [
    {
      id: 'n1',
      host: '127.0.0.1',
      ports: { coordinator: 20_001, gossiper: 20_002, control: 20_003, admin: 20_004 },
      rack: 'rack-1',
    },
  ],
  settings: { durability: 'interval' },
};

function inFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-cluster-file-'));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('[CL1] what is written reads back equal', () => {
  inFolder((folder) => {
    assert.is(createClusterFile(folder, cluster), true);
    assert.equal(readClusterFile(folder), { kind: 'read', cluster });
    assert.equal(readClusterFile(path.join(folder, 'other')), { kind: 'missing' });
  });
  assert.is(addressOf(cluster.nodes[0]!, 'admin'), '127.0.0.1:20004');
  assert.is(addressOf({ ...cluster.nodes[0]!, host: '::1' }, 'admin'), '[::1]:20004');
});

test('[CL1] anything else is refused with a reason', () => {
  const [node] = cluster.nodes;
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /no object/],
    [{ ...cluster, format: 2 }, /format is 2/],
    [{ ...cluster, clusterId: '' }, /clusterId/],
    [{ ...cluster, lockPort: 0 }, /lockPort/],
    [{ ...cluster, settings: [] }, /settings/],
    [{ ...cluster, nodes: [] }, /nodes/],
    [{ ...cluster, nodes: [{ ...node, id: '../x' }] }, /no node id/],
    [{ ...cluster, nodes: [{ ...node, host: 'example.org' }] }, /no IP address/],
    [{ ...cluster, nodes: [{ ...node, ports: { ...node?.ports, admin: 70_000 } }] }, /admin port/],
    [{ ...cluster, nodes: [node, node] }, /one id/],
  ];
  for (const [content, reason] of wrong) {
    const result = parseClusterFile(JSON.stringify(content));
    assert.is(result.kind, 'damaged');
    assert.match(result.kind === 'damaged' ? result.reason : '', reason);
  }
  assert.is(parseClusterFile('{"format":1').kind, 'damaged');
});

test('[CL2] an existing file stays as it is, and no draft is left', () => {
  inFolder((folder) => {
    assert.is(createClusterFile(folder, cluster), true);
    assert.is(createClusterFile(folder, { ...cluster, clusterId: 'other' }), false);
    assert.is(readFileSync(clusterFilePath(folder), 'utf8'), clusterFileText(cluster));
    assert.equal(readdirSync(folder), ['cluster.json']);
  });
});

test.run();
