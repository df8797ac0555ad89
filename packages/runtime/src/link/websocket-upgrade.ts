/**
 * The handshake of RFC 6455, section 4, as values: headers in, the text of the answer out. Neither
 * side offers extensions or subprotocols, and what the other one offers is not taken up.
 */
import { createHash } from 'node:crypto';

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface UpgradeAnswer {
  readonly accepted: boolean;
  /** What to write to the socket. */
  readonly response: string;
}

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSION = '13';

/** What proves to a client that its key was read by a WebSocket server. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(key).update(KEY_SUFFIX).digest('base64');
}

/** The server's side. */
export function answerUpgrade(method: string | undefined, headers: Headers): UpgradeAnswer {
  const key = headers['sec-websocket-key'];
  if (method !== 'GET') return refused('405 Method Not Allowed', 'Allow: GET\r\n');
  if (!asksForWebSocket(headers) || typeof key !== 'string' || !KEY.test(key)) {
    return refused('400 Bad Request');
  }
  if (headers['sec-websocket-version'] !== VERSION) {
    return refused('426 Upgrade Required', `Sec-WebSocket-Version: ${VERSION}\r\n`);
  }
  const response =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`;
  return { accepted: true, response };
}

/** `headerLines`: whole lines. */
export function refusal(status: string, headerLines = ''): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n${headerLines}\r\n`;
}

/** The client's side. REQUIRES: the key is 16 random bytes in base64. */
export function upgradeHeaders(key: string): Readonly<Record<string, string>> {
  return {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': VERSION,
    'Sec-WebSocket-Key': key,
  };
}

/** Why the answer 101 to that key is none; undefined: it is one. */
export function faultOfAnswer(key: string, headers: Headers): string | undefined {
  if (!asksForWebSocket(headers)) return 'the answer is no upgrade to WebSocket';
  if (headers['sec-websocket-accept'] !== acceptOf(key)) return 'the answer is to another key';
  if (headers['sec-websocket-extensions'] !== undefined) return 'extensions nobody offered';
  if (headers['sec-websocket-protocol'] !== undefined) return 'a subprotocol nobody offered';
  return undefined;
}

function asksForWebSocket(headers: Headers): boolean {
  const { upgrade, connection } = headers;
  if (typeof upgrade !== 'string' || upgrade.toLowerCase() !== 'websocket') return false;
  if (typeof connection !== 'string') return false;
  return connection.split(',').some((token) => token.trim().toLowerCase() === 'upgrade');
}

function refused(status: string, headerLines?: string): UpgradeAnswer {
  return { accepted: false, response: refusal(status, headerLines) };
}
