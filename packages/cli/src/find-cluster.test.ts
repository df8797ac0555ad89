import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClusterFile } from './cluster/cluster-file.ts';
import { Refusal, UsageError, type Call } from './command.ts';
import { findCluster } from './find-cluster.ts';
import { testTerminal } from './test-terminal.ts';

function callOf(
  options: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Call {
  return { options, positionals: [], terminal: testTerminal({ environment, folder: '/' }) };
}

function withData(run: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-find-'));
  createClusterFile(folder, {
    format: 1,
    clusterId: 'local-1',
    lockPort: 20_000,
    nodes: ['n1', 'n2'].map((id, index) => {
      const ports = { coordinator: 20_001 + index, gossiper: 2, control: 3, admin: 4 };
      return { id, host: '127.0.0.1', ports, rack: 'rack-1' };
    }),
    settings: {},
  });
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('[FC1] --connect comes first, then --data, then CLOCKWISE_CONNECT', () => {
  withData((data) => {
    const environment = { CLOCKWISE_CONNECT: '127.0.0.1:3, [::1]:4' };
    const connect = '127.0.0.1:1,127.0.0.1:2';
    const flags = findCluster(callOf({ connect, data }, environment));
    assert.equal(flags.servers, ['127.0.0.1:1', '127.0.0.1:2']);
    assert.is(flags.local, undefined);
    assert.ok(flags.self('status').endsWith(`status --connect ${connect}`));
    const folder = findCluster(callOf({ data }, environment));
    assert.equal(folder.servers, ['127.0.0.1:20001', '127.0.0.1:20002']);
    assert.is(folder.local?.cluster.clusterId, 'local-1');
    assert.ok(folder.self('status').endsWith(`status --data ${data}`));
    const named = findCluster(callOf({}, environment));
    assert.equal(named.servers, ['127.0.0.1:3', '[::1]:4']);
    assert.ok(named.self('status').endsWith('-- status'));
  });
});

test('[FC1] a source that is given and wrong is refused, not passed over', () => {
  const fromEnvironment = { CLOCKWISE_CONNECT: 'here' };
  assert.throws(
    () => findCluster(callOf({ connect: 'a:1,,b:2' })),
    (error: unknown) => error instanceof UsageError,
  );
  assert.throws(
    () => findCluster(callOf({}, fromEnvironment)),
    (error: unknown) =>
      error instanceof UsageError && error.message.startsWith('CLOCKWISE_CONNECT'),
  );
  assert.throws(
    () => findCluster(callOf({ data: '/nowhere/at/all' })),
    (error: unknown) => error instanceof Refusal && /Next: npm start -- --data/.test(error.message),
  );
});

test.run();
