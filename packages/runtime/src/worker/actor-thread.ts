/**
 * The body of a worker thread that hosts actors: server/workers/<actor>.ts calls `runActors` with a
 * function that makes its cores.
 *
 * Boundary: it wires a thread to its supervisor. The loop is shell/thread-loop.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { SharedShardMemory } from '../channel/shared-shard-memory.ts';
import { RealClock } from '../clock.ts';
import { answerCalls } from '../control/control-port.ts';
import { ActorShell } from '../shell/actor-shell.ts';
import type { Hosting } from '../shell/shell-types.ts';
import { ThreadLoop } from '../shell/thread-loop.ts';
import { Pulse } from '../supervisor/heartbeat.ts';
import type { FromThread, ThreadCalls, ThreadSetup, ToThread } from '../thread-messages.ts';
import { failOnPurpose } from './fail-on-purpose.ts';

/** What a worker file gets to make its cores from. */
export interface ThreadContext<Data> {
  readonly name: string;
  readonly data: Data;
  readonly limits: Limits;
  /** A generator of this life of the thread. */
  readonly prng: Prng;
  readonly seed: string;
  /** The clock's readings now, for what a core is told at its start. */
  readonly now: number;
  readonly wallTimeMs: number;
  /** Of a replica: the chunks of its shard. */
  readonly chunks: readonly Int32Array[];
  /** Of a coordinator: the memories of shards 0 to count - 1, kept up to date as replicas change. */
  readonly shardMemories: (count: number) => readonly SharedShardMemory[];
}

/** Runs the actors that `build` makes until the thread ends. Rejects, and so ends it, if it throws. */
export async function runActors<Data>(
  build: (context: ThreadContext<Data>) => readonly Hosting[] | Promise<readonly Hosting[]>,
): Promise<void> {
  const port = parentPort;
  assert(port !== null, 'actors run in a worker thread');
  const setup = workerData as ThreadSetup;
  const clock = new RealClock();
  const memories: SharedShardMemory[] = [];
  const memory = (shard: number): SharedShardMemory =>
    (memories[shard] ??= new SharedShardMemory());
  const hostings = await build({
    name: setup.name,
    data: setup.data as Data,
    limits: setup.limits,
    prng: new Prng(setup.seed),
    seed: setup.seed,
    now: clock.now(),
    wallTimeMs: clock.wallTimeMs(),
    chunks: setup.chunks.map((buffer) => new Int32Array(buffer)),
    shardMemories: (count) => Array.from({ length: count }, (_, shard) => memory(shard)),
  });
  const send = (message: FromThread): void => port.postMessage(message);
  const sleeper = new Sleeper(setup.doorbell);
  const loop = new ThreadLoop({
    sleeper,
    pulse: new Pulse(setup.heartbeat),
    tickMs: setup.runtimeLimits.tickMs,
    outside: {
      tell: (from, to, message) => send({ kind: 'tell', from, to, message }),
      job: (actor, job, input) => send({ kind: 'job', actor, job, input }),
    },
  });
  addActors(loop, setup, { hostings, sleeper, clock });
  const ports = await listen(loop, setup, send);
  port.on('message', (message: ToThread) => deliver(loop, memory, message));
  answerCalls<ThreadCalls>(setup.control, {
    figures: () => Object.fromEntries(loop.actors.map((actor) => [actor.name, actor.figures()])),
    stop: () => {
      loop.stop();
      port.close();
    },
  });
  loop.start();
  const logStart = hostings.find((hosting) => hosting.logStart !== undefined)?.logStart ?? null;
  send({ kind: 'ready', ports, logStart });
}

interface Hosted {
  readonly hostings: readonly Hosting[];
  readonly sleeper: Sleeper;
  readonly clock: RealClock;
}

function addActors(loop: ThreadLoop, setup: ThreadSetup, hosted: Hosted): void {
  const { limits, runtimeLimits } = setup;
  assert(hosted.hostings.length === setup.actors.length, 'a worker hosts the actors it is for');
  for (const hosting of hosted.hostings) {
    const { sleeper, clock } = hosted;
    // A replica has its log to itself.
    const log = hosting.logStart === undefined ? undefined : (setup.log ?? undefined);
    loop.add(new ActorShell({ hosting, limits, runtimeLimits, sleeper, clock, host: loop, log }));
  }
}

async function listen(
  loop: ThreadLoop,
  setup: ThreadSetup,
  send: (message: FromThread) => void,
): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const place of setup.actors) {
    const actor = loop.find(place.name);
    assert(actor !== undefined, 'a worker hosts the actors it is for');
    if (place.listen === null) continue;
    ports[place.name] = await actor.listen(place.listen).catch((error: unknown) => {
      send({ kind: 'cannot-listen', actor: place.name, reason: String(error) });
      throw error;
    });
  }
  return ports;
}

function deliver(
  loop: ThreadLoop,
  memory: (shard: number) => SharedShardMemory,
  message: ToThread,
): void {
  switch (message.kind) {
    case 'told':
      loop.find(message.to)?.push({ kind: 'told', from: message.from, message: message.message });
      return;
    case 'job-done':
      loop.find(message.actor)?.push({
        kind: 'job-done',
        job: message.job,
        output: message.output,
      });
      return;
    case 'job-failed':
      loop.find(message.actor)?.push({
        kind: 'job-failed',
        job: message.job,
        failure: message.failure,
      });
      return;
    case 'attach':
      if (message.ends.chunks.length > 0) memory(message.ends.target).use(message.ends.chunks);
      loop.find(message.actor)?.attach(message.ends);
      return;
    case 'detach':
      loop.find(message.actor)?.detach(message.target);
      return;
    case 'fail':
      failOnPurpose(message.mode);
      return;
    default:
      unreachable(message);
  }
}
