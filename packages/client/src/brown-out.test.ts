/**
 * H2: a node that serves nearly all it can, then for half a minute a fraction of that, to a client
 * whose application tries everything three times. In virtual time; the node works off its queue in
 * order and answers whether anybody still waits or not, which is what makes overload last by itself.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bucket } from './bucket.ts';
import { ClockwiseError } from './errors.ts';
import { MemoryWorld } from './memory-world.ts';
import { OK, type ScriptedRequest, type ScriptedNode } from './scripted-node.ts';

const TICK_MS = 10;
/** Operations of a tick when the node is well; asked for are nine of ten. */
const CAPACITY = 10;
const OFFERED = 9;
const BROWN_OUT_MS = { from: 5000, to: 35_000 };
const END_MS = 60_000;
const APPLICATION_TRIES = 3;

/** Answers so many of its queue in each tick. */
class SlowNode {
  readonly #world: MemoryWorld;
  readonly #node: ScriptedNode;
  #queue: ScriptedRequest[] = [];
  answered = 0;

  constructor(world: MemoryWorld, node: ScriptedNode) {
    this.#world = world;
    this.#node = node;
    node.script = (request) => {
      this.#queue.push(request);
      return undefined;
    };
  }

  get queueCount(): number {
    return this.#queue.length;
  }

  work(count: number): void {
    const now = this.#queue.splice(0, count);
    this.answered += now.length;
    this.#node.frames.length = 0;
    const { script } = this.#node;
    this.#node.script = () => OK;
    this.#node.answer(now, (words) => this.#world.links.at(-1)!.send(words));
    this.#node.script = script;
  }
}

async function triedThrice(bucket: Bucket, key: string): Promise<boolean> {
  for (let left = APPLICATION_TRIES; left > 0; left -= 1) {
    try {
      await bucket.get(key, { timeoutMs: 500 });
      return true;
    } catch (error) {
      if (!(error instanceof ClockwiseError)) throw error;
    }
  }
  return false;
}

test('H2 a brown-out of 30 s at nine tenths of the load ends by itself, though all is tried thrice', async () => {
  const world = new MemoryWorld();
  const scripted = world.node('a:1');
  const node = new SlowNode(world, scripted);
  const db = await world.connect({ silenceTimeoutMs: 60_000 });
  const bucket = db.bucket();
  const startedAt = world.now();
  const okBySecond = new Array<number>(END_MS / 1000 + 10).fill(0);
  const all: Promise<void>[] = [];
  let asked = 0;
  for (let at = 0; at < END_MS; at += TICK_MS) {
    for (let count = 0; count < OFFERED; count += 1) {
      asked += 1;
      const done = triedThrice(bucket, `key ${asked}`).then((ok) => {
        if (ok) okBySecond[Math.floor((world.now() - startedAt) / 1000)]! += 1;
      });
      all.push(done);
    }
    const isBrown = at >= BROWN_OUT_MS.from && at < BROWN_OUT_MS.to;
    node.work(isBrown ? CAPACITY / 5 : CAPACITY);
    await world.advance(TICK_MS);
  }
  const wanted = (OFFERED * 1000) / TICK_MS;
  const before = okBySecond.slice(1, 5);
  const after = okBySecond.slice(45, 58);
  // What was not served in time is asked for again, so more than is offered may be served.
  for (const count of [...before, ...after]) {
    assert.ok(count > wanted * 0.95, `${count} of ${wanted} a second: ${okBySecond.join(' ')}`);
  }
  assert.ok(node.queueCount < CAPACITY * 50, `${node.queueCount} in the queue`);
  db.close();
  await world.settle();
  await Promise.all(all);
});

test.run();
