/**
 * The composition of a client: settings, table, dispatcher, connections, over whichever transport
 * the platform has. `connect` for users; `connectIn` takes a world, so that tests bring their own.
 */
import { Prng } from '@clockwise/kernel/prng';
import { AddressBook } from './address-book.ts';
import { ConnectionCore } from './connection-core.ts';
import { Connection } from './connection.ts';
import { Database } from './database.ts';
import { Dispatcher } from './dispatcher.ts';
import { ClockwiseError } from './errors.ts';
import { Membership } from './membership.ts';
import { settingsOf, type ConnectOptions, type Settings } from './options.ts';
import { platformWorld } from './platform.ts';
import { RequestTable } from './request-table.ts';
import { TextCoder } from './text-coder.ts';
import type { World } from './transport.ts';

/** Of retries and of dialling alike. */
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 500;
const HANDSHAKE_MS_MIN = 1000;
const HANDSHAKE_MS_MAX = 4000;
/** Of the silence after which a node is left: after which it is asked for a sign of life. */
const PING_SHARE = 0.25;
/** Less than the 30 s for which objects remember operation ids. */
const REPEAT_WINDOW_MS = 20_000;
/** Retries that a client makes in the long run: a share of its requests and so many a second ... */
const RETRY_SHARE = 0.1;
const RETRIES_PER_SECOND = 10;
/** ... and at once, half of what it may have in flight, but for small clients. */
const RETRY_BURST_MIN = 64;
const BUFFERED_BYTES_MAX = 1024 * 1024;

/** Connects to a cluster; resolves once one of its coordinators has welcomed the client. */
export async function connect(options: ConnectOptions): Promise<Database> {
  const settings = settingsOf(options);
  const seed = globalThis.crypto.getRandomValues(new Uint32Array(4)).join(' ');
  return connectIn(await platformWorld(), settings, new Prng(seed));
}

export async function connectIn(world: World, settings: Settings, prng: Prng): Promise<Database> {
  const sessions = prng.stream('sessions');
  const table = new RequestTable(settings.requestsMax, () => ({
    high: sessions.word(),
    low: sessions.word(),
  }));
  const book = new AddressBook(settings.servers, prng.stream('addresses'));
  const membership = new Membership(book, () => table.session, settings.dataCentre);
  const dispatcher = new Dispatcher({
    world,
    table,
    coder: new TextCoder(),
    membership,
    prng: prng.stream('retries'),
    limits: {
      requestsMax: settings.requestsMax,
      inFlightMax: settings.inFlightMax,
      bufferedBytesMax: BUFFERED_BYTES_MAX,
      timeoutMs: settings.timeoutMs,
      backoffMsMin: BACKOFF_MS_MIN,
      backoffMsMax: BACKOFF_MS_MAX,
      repeatWindowMs: REPEAT_WINDOW_MS,
      retryBudget: {
        share: RETRY_SHARE,
        perSecond: RETRIES_PER_SECOND,
        burst: Math.max(RETRY_BURST_MIN, settings.inFlightMax >>> 1),
      },
    },
  });
  const limits = {
    backoffMsMin: BACKOFF_MS_MIN,
    backoffMsMax: BACKOFF_MS_MAX,
    handshakeMsMin: HANDSHAKE_MS_MIN,
    handshakeMsMax: HANDSHAKE_MS_MAX,
    silenceMsPing: settings.silenceTimeoutMs * PING_SHARE,
    silenceMsMax: settings.silenceTimeoutMs,
  };
  const now = world.now();
  const connections = Array.from({ length: settings.connectionCount }, (_, index) => {
    const dice = prng.stream(`connection ${index}`);
    const core = new ConnectionCore(book, limits, dice, () => membership.self(), now);
    return new Connection(index, settings.inFlightMax, core, dispatcher, world);
  });
  dispatcher.start(connections);
  await firstWelcome(world, membership, dispatcher, settings.connectTimeoutMs);
  const { inFlightMax, timeoutMs } = settings;
  return new Database({ dispatcher, table, membership, inFlightMax }, timeoutMs);
}

async function firstWelcome(
  world: World,
  membership: Membership,
  dispatcher: Dispatcher,
  timeoutMs: number,
): Promise<void> {
  const timer = world.setTimer(() => membership.giveUp(timeoutMs), timeoutMs);
  try {
    await membership.ready();
  } catch (error) {
    dispatcher.close();
    throw error instanceof ClockwiseError
      ? error
      : new ClockwiseError('UNAVAILABLE', { cause: error });
  } finally {
    world.clearTimer(timer);
  }
}
