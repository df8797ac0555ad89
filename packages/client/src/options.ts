/**
 * What a client may be told at `connect`, checked once, with every default in one place.
 *
 * Invariants:
 *   OP1 after this nobody reads a default: every setting has its value
 *   OP2 a setting out of range is refused by name
 */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { badRequest } from './errors.ts';
import { REQUESTS_MAX } from './request-table.ts';

export interface ConnectOptions {
  /** Coordinators: `host:port` or `ws://host:port`. Others of the cluster are learned from them. */
  readonly servers: string | readonly string[];
  /**
   * The data centre that this client is in, as its nodes name it: none of another one is learned, so that
   * 'local-quorum' always means this one. Left out: any node will do.
   */
  readonly dataCentre?: string;
  /** Milliseconds for each operation, retries included; per call it can be overridden. */
  readonly timeoutMs?: number;
  /** Milliseconds for `connect` itself. */
  readonly connectTimeoutMs?: number;
  /** Connections, each to another node as far as there are. */
  readonly connections?: number;
  /** Requests sent and not yet answered, over all connections. */
  readonly inFlightMax?: number;
  /** Requests that may wait to be sent; one more is refused as OVERLOADED. */
  readonly waitingMax?: number;
  /** Milliseconds of silence, with requests in flight, after which a node is left for another. */
  readonly silenceTimeoutMs?: number;
}

export interface Settings {
  readonly servers: readonly string[];
  readonly dataCentre: string | undefined;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly connectionCount: number;
  readonly inFlightMax: number;
  readonly requestsMax: number;
  readonly silenceTimeoutMs: number;
}

const DEFAULTS = {
  timeoutMs: DEFAULT_LIMITS.requestTimeoutMs,
  connectTimeoutMs: 5000,
  connections: 1,
  inFlightMax: 4096,
  waitingMax: 32_768,
  silenceTimeoutMs: 1000,
} as const;

const CONNECTIONS_MAX = 64;
const DAY_MS = 86_400_000;

export function settingsOf(options: ConnectOptions): Settings {
  const servers = typeof options.servers === 'string' ? [options.servers] : options.servers;
  if (!Array.isArray(servers) || servers.length === 0) throw badRequest('servers names none');
  const number = (
    name: Exclude<keyof ConnectOptions, 'servers' | 'dataCentre'>,
    max: number,
  ): number => integerOption(name, options[name] ?? DEFAULTS[name], max);
  const inFlightMax = number('inFlightMax', REQUESTS_MAX / 2);
  return {
    servers: servers.map(checkedAddress),
    dataCentre: checkedDataCentre(options.dataCentre),
    timeoutMs: number('timeoutMs', DEFAULT_LIMITS.requestTimeoutMsMax),
    connectTimeoutMs: number('connectTimeoutMs', DAY_MS),
    connectionCount: number('connections', CONNECTIONS_MAX),
    inFlightMax,
    requestsMax: inFlightMax + number('waitingMax', REQUESTS_MAX / 2),
    silenceTimeoutMs: number('silenceTimeoutMs', DAY_MS),
  };
}

function checkedDataCentre(name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name;
  throw badRequest('dataCentre is the name of one');
}

export function integerOption(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw badRequest(`${name} is an integer from 1 to ${max}`);
}

/** Addresses are compared as text, so all are brought to one form: `ws://host:port`. */
export function normalizedAddress(address: string): string | undefined {
  const text = /^wss?:\/\//.test(address) ? address : `ws://${address}`;
  return /^wss?:\/\/[^/?#\s@]+:\d{1,5}\/?$/.test(text) ? text.replace(/\/$/, '') : undefined;
}

function checkedAddress(address: string): string {
  const normalized = normalizedAddress(address);
  if (normalized !== undefined) return normalized;
  throw badRequest(`${address} is not host:port or ws://host:port`);
}
