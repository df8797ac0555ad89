/** Asks a node's admin endpoint what the node says of itself. */
import type { StatusReport } from '@clockwise/server/status-report';
import { get } from 'node:http';

const REPORT_BYTES_MAX = 4 * 1024 * 1024;

export type ProbeResult =
  | { readonly ok: true; readonly report: StatusReport }
  | { readonly ok: false; readonly reason: string };

/** `adminAddress`: host:port. Settles within the time. */
export function probe(adminAddress: string, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (error: NodeJS.ErrnoException): void => {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error);
      resolve({ ok: false, reason });
    };
    // No agent: nothing that waits for reuse keeps this process alive.
    const request = get(`http://${adminAddress}/status`, { agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > REPORT_BYTES_MAX) request.destroy(new Error('its answer is too long'));
      });
      response.on('error', fail);
      response.on('end', () => resolve(reportOf(text)));
    });
    request.on('error', fail);
  });
}

export function reportOf(text: string): ProbeResult {
  let report: Partial<StatusReport> | null;
  try {
    report = JSON.parse(text) as Partial<StatusReport> | null;
  } catch {
    return { ok: false, reason: 'its answer is no JSON' };
  }
  if (typeof report?.nodeId === 'string' && typeof report.ready === 'boolean') {
    return { ok: true, report: report as StatusReport };
  }
  return { ok: false, reason: 'its answer is no status report' };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ECONNREFUSED' ? 'connection refused' : error.message;
}
