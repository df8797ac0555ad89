/**
 * The admin endpoint: HTTP for probes, collectors and people. It only reads.
 *
 *     /livez    200 while the process serves HTTP
 *     /readyz   200 while the node is ready, else 503
 *     /status   the StatusReport as JSON
 *     /metrics  the same as Prometheus text
 *
 * Invariants:
 *   AD1 nothing but GET and HEAD of these paths is answered with 200
 *   AD2 a browser's page of another site learns nothing: requests for a foreign Host are refused
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricsText } from './metrics.ts';
import type { StatusReport } from './status-report.ts';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
  readonly report: () => Promise<StatusReport>;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Admin {
  readonly #options: AdminOptions;
  readonly #server: Server;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer({
      headersTimeout: 10_000,
      requestTimeout: 10_000,
      maxHeaderSize: 8192,
    });
    this.#server.maxConnections = 64;
    this.#server.on('request', (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        send(response, 500, TEXT_TYPE, `${String(error)}\n`);
      });
    });
  }

  /** The port it listens on. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    return closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      send(response, 405, TEXT_TYPE, 'only GET and HEAD\n');
      return;
    }
    if (!this.#isOwnHost(request.headers.host ?? '')) {
      send(response, 421, TEXT_TYPE, 'another host\n');
      return;
    }
    const { isReady, report } = this.#options;
    switch (request.url?.split('?', 1)[0]) {
      case '/livez':
        send(response, 200, TEXT_TYPE, 'live\n');
        return;
      case '/readyz':
        if (isReady()) send(response, 200, TEXT_TYPE, 'ready\n');
        else send(response, 503, TEXT_TYPE, 'not ready; /status says why\n');
        return;
      case '/status':
        send(response, 200, JSON_TYPE, `${JSON.stringify(await report(), null, 2)}\n`);
        return;
      case '/metrics':
        send(response, 200, METRICS_TYPE, metricsText(await report()));
        return;
      default:
        send(response, 404, TEXT_TYPE, '/livez /readyz /status /metrics\n');
    }
  }

  /** Addresses and `localhost` are fine; a name is how another site's page would come here. */
  #isOwnHost(host: string): boolean {
    const name = host.replace(/:\d+$/, '');
    return name === 'localhost' || /^\d+\.\d+\.\d+\.\d+$/.test(name) || /^\[.*\]$/.test(name);
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
