import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Admin } from './admin.ts';
import type { StatusReport } from './status-report.ts';

const REPORT: StatusReport = {
  nodeId: 'n1',
  clusterId: 'cluster',
  version: '1.2.3',
  uptimeSeconds: 1,
  ready: true,
  healthy: true,
  reasons: [],
  ring: { epoch: 1, hash: 'abc', partitions: 8, nodes: [] },
  shards: [],
  actors: [],
  differences: [],
  hints: { isCounted: true, targets: [] },
  figures: {},
};

interface Context {
  admin: Admin;
  port: number;
  state: { ready: boolean };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const adminSuite = suite<Context>('admin');
adminSuite.before.each(async (context) => {
  const state = { ready: false };
  const report = (): Promise<StatusReport> => Promise.resolve(REPORT);
  context.state = state;
  context.admin = new Admin({ host: '127.0.0.1', port: 0, isReady: () => state.ready, report });
  context.port = await context.admin.listen();
});
adminSuite.after.each(({ admin }) => admin.close());

function ask(port: number, path: string, method = 'GET', host?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const type = response.headers['content-type'] ?? '';
        resolve({ status: response.statusCode ?? 0, type, body });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

adminSuite('live at once, ready when the node is', async ({ port, state }) => {
  assert.is((await ask(port, '/livez')).status, 200);
  assert.is((await ask(port, '/readyz')).status, 503);
  state.ready = true;
  assert.is((await ask(port, '/readyz')).status, 200);
});

adminSuite('status is JSON, metrics are text of Prometheus', async ({ port }) => {
  const status = await ask(port, '/status');
  assert.equal(JSON.parse(status.body), REPORT);
  assert.match(status.type, 'application/json');
  const metrics = await ask(port, '/metrics');
  assert.match(metrics.body, 'clockwise_ready 1');
  assert.match(metrics.type, 'version=0.0.4');
});

adminSuite('[AD1] other methods and other paths are refused', async ({ port }) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    assert.is((await ask(port, '/status', method)).status, 405);
  }
  for (const path of ['/', '/status/', '/../etc/passwd', '/%73tatus']) {
    assert.is((await ask(port, path)).status, 404);
  }
  assert.is((await ask(port, '/livez', 'HEAD')).status, 200);
});

adminSuite('[AD2] a name that leads here by rebinding is refused', async ({ port }) => {
  assert.is((await ask(port, '/status', 'GET', 'evil.example')).status, 421);
  assert.is((await ask(port, '/status', 'GET', `evil.example:${port}`)).status, 421);
  assert.is((await ask(port, '/status', 'GET', `localhost:${port}`)).status, 200);
  assert.is((await ask(port, '/status', 'GET', '[::1]:80')).status, 200);
});

adminSuite.run();
