/**
 * Whether anything listens at an address. The SDK goes on dialling until its time is over, for nodes
 * come back; a person wants to hear at once that nobody is there.
 */
import { connect } from 'node:net';

/** What is wrong, in words; undefined where something listens. `address`: [ws://]host:port. */
export function unreachableReason(address: string, timeoutMs: number): Promise<string | undefined> {
  const { hostname, port } = new URL(/^wss?:/.test(address) ? address : `ws://${address}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  const defaultPort = address.startsWith('wss:') ? 443 : 80;
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port || defaultPort), timeout: timeoutMs });
    const end = (reason: string | undefined): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`no answer within ${timeoutMs} ms`));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end(error.code === 'ECONNREFUSED' ? 'connection refused' : error.message);
    });
  });
}
