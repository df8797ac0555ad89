/** A connection for the length of one command, and the SDK's errors brought to one line each. */
import { ClockwiseError, connect, type Bucket, type Database } from '@clockwise/client';
import { integerOption, Refusal, textOption, type Call } from './command.ts';
import { failureLine, type Attempt } from './error-line.ts';
import { EXIT } from './exit-code.ts';
import { explanationText } from './explanation.ts';
import { findCluster, type FoundCluster } from './find-cluster.ts';
import { unreachableReason } from './tcp-reach.ts';

const CONNECT_TIMEOUT_MS = 5000;
const TIMEOUT_MS_MAX = 60_000;

export interface Session {
  readonly database: Database;
  readonly found: FoundCluster;
}

export interface SessionOptions {
  /** Milliseconds for each operation where the user names none. */
  readonly timeoutMs?: number;
  readonly inFlightMax?: number;
}

/** Connects, does the work, and closes, whatever happens. */
export async function withSession<Result>(
  call: Call,
  options: SessionOptions,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const found = findCluster(call);
  const timeoutMs = integerOption(call, 'timeout', { min: 1, max: TIMEOUT_MS_MAX });
  const database = await connected(found, {
    ...options,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  try {
    return await work({ database, found });
  } finally {
    database.close();
  }
}

/** One operation; what the SDK throws becomes a refusal with one line. */
export async function attempt<Result>(
  found: FoundCluster,
  what: Attempt,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ClockwiseError)) throw error;
    const { line, exitCode } = failureLine(error, what, found.self);
    const account = error.explanation === undefined ? '' : explanationText(error.explanation);
    throw new Refusal(line, exitCode, account);
  }
}

export function bucketOf(call: Call, database: Database): Bucket {
  return database.bucket(textOption(call, 'bucket') ?? 'default');
}

async function connected(found: FoundCluster, options: SessionOptions): Promise<Database> {
  const { servers } = found;
  const refusal = (reason: string): Refusal => {
    const next = found.local === undefined ? found.self('status') : startCommand(found.local);
    const line = `cannot connect to ${servers.join(', ')}: ${reason}. Next: ${next}`;
    return new Refusal(line, EXIT.unreachable);
  };
  const reason = await whyNoneIsReachable(servers);
  if (reason !== undefined) throw refusal(reason);
  try {
    return await connect({ servers, connectTimeoutMs: CONNECT_TIMEOUT_MS, ...options });
  } catch (error) {
    if (!(error instanceof ClockwiseError)) throw error;
    throw refusal(error.message);
  }
}

/** Undefined as soon as one of them is. */
async function whyNoneIsReachable(servers: readonly string[]): Promise<string | undefined> {
  const tries = servers.map(async (server) => {
    const reason = await unreachableReason(server, CONNECT_TIMEOUT_MS);
    if (reason !== undefined) throw new Error(reason);
  });
  try {
    await Promise.any(tries);
    return undefined;
  } catch (error) {
    const [first] = (error as AggregateError).errors as Error[];
    return first?.message ?? 'no server is named';
  }
}

export function startCommand({ folder }: NonNullable<FoundCluster['local']>): string {
  return folder.argument === undefined ? 'npm start' : `npm start -- --data ${folder.argument}`;
}
