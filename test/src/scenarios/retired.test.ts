// runner: limit 240s
// runner: test limit 200s
// A10: more openings have written an object than its context has room for. What leaves a context may
// come back beside what replaced it, and never takes anything away.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { LEVEL } from '@clockwise/protocol/frame';
import { drawConfiguration } from '../simulation/configuration.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const ENTRIES_MAX = 8;
const ROUNDS = 14;
/** Nodes are replaced so often: each opening of a store is another incarnation. */
const REPLACEMENTS = 72;
/** The third node is away for the end of each of these rounds: longer than a small context remembers. */
const AWAY_EVERY = 22;
const AWAY_FROM = 10;

function threeNodes(contextEntriesMax: number): ScriptedCluster {
  const limits = { ...drawConfiguration('1').limits, contextEntriesMax };
  return new ScriptedCluster({ nodeCount: 3, copies: 3, fields: { limits } });
}

test('A10 a put under a context of long ago brings a false sibling at worst, and loses nothing', () => {
  const world = threeNodes(ENTRIES_MAX);
  const key = world.keyOf([]);
  const level = LEVEL.all;
  assert.is(world.put(0, key, 'first', { level }).outcome, 'ok');
  const longAgo = world.get(0, key, { level }).context;
  for (let round = 0; round < ROUNDS; round += 1) {
    const node = round % 3;
    world.down(node);
    world.up(node);
    const { context } = world.get(node, key, { level });
    const put = world.put(node, key, `round ${round}`, { level, context });
    assert.is(put.outcome, 'ok', `round ${round} is taken however many openings have written`);
  }
  const full = world.get(0, key, { level });
  assert.equal(full.values, [`round ${ROUNDS - 1}`], 'each replaced the one before');
  assert.is(full.context.length / 4, ENTRIES_MAX);
  const late = world.put(1, key, 'late', { level, context: longAgo });
  assert.is(late.outcome, 'ok');
  const { values } = world.get(2, key, { level });
  assert.ok(values.includes('late'), 'what was put is there');
  assert.ok(values.includes(`round ${ROUNDS - 1}`), 'what it did not know stays');
  assert.ok(values.length <= 3, 'one false sibling at worst');
});

/**
 * The oracle of these runs, by values alone: contexts that retire entries shrink, which all others forbid.
 * What a client was shown under the context that it writes with may be gone, and nothing else.
 */
class Shown {
  readonly #world: ScriptedCluster;
  readonly #key: string;
  readonly #prng: Prng;
  readonly #acknowledged: string[] = [];
  readonly #mayBeGone: Set<string> = new Set();
  /** Contexts of all ages, with the values that were shown under each. */
  readonly #reads: { readonly context: Int32Array; readonly values: readonly string[] }[] = [];
  falseSiblings = 0;

  constructor(world: ScriptedCluster, key: string, prng: Prng) {
    this.#world = world;
    this.#key = key;
    this.#prng = prng;
  }

  read(via: number): void {
    const { context, values, outcome } = this.#world.get(via, this.#key);
    assert.is(outcome, 'ok');
    this.#reads.push({ context, values });
    this.falseSiblings += values.filter((value) => this.#mayBeGone.has(value)).length;
  }

  /** Under the latest context, or one of any age; or under none that anybody was given. */
  put(via: number, value: string): void {
    const isLate = this.#prng.chance(0.15);
    const known = isLate ? this.#prng.pick(this.#reads) : this.#reads.at(-1)!;
    const put = this.#world.put(via, this.#key, value, { context: known.context });
    assert.is(put.outcome, 'ok', value);
    for (const shown of known.values) this.#mayBeGone.add(shown);
    this.#acknowledged.push(value);
  }

  /** Of what was acknowledged, all that nobody who wrote had been shown is there. */
  judge(via: number): readonly string[] {
    const { values, outcome } = this.#world.get(via, this.#key, { level: LEVEL.all });
    assert.is(outcome, 'ok');
    const made = new Set(this.#acknowledged);
    assert.ok(
      values.every((value) => made.has(value)),
      'nothing is made up',
    );
    const lost = this.#acknowledged.filter(
      (value) => !this.#mayBeGone.has(value) && !values.includes(value),
    );
    assert.equal(lost, [], 'nothing that nobody knew has gone');
    return values;
  }
}

/**
 * One node after the other gets a new incarnation, and writes under it. The third one is away for long
 * again and again, and brings back what it knew then.
 */
function replaced(world: ScriptedCluster, key: string, seed: string): Shown {
  const prng = new Prng(seed);
  const shown = new Shown(world, key, prng);
  let isAway = false;
  for (let count = 0; count < REPLACEMENTS; count += 1) {
    const phase = count % AWAY_EVERY;
    if (phase === AWAY_FROM) world.down(2);
    if (phase === 0 && isAway) world.up(2);
    isAway = phase >= AWAY_FROM;
    const node = count % (isAway ? 2 : 3);
    const other = isAway ? 1 - node : (node + 1) % 3;
    world.down(node);
    if (!isAway && prng.chance(0.3)) {
      shown.read(other);
      shown.put(other, `without ${count}`);
    }
    world.up(node);
    shown.read(prng.chance(0.5) ? node : other);
    shown.put(node, `replaced ${count}`);
    // Two clients that know the same, through two nodes: siblings.
    if (prng.chance(0.2)) shown.put(other, `beside ${count}`);
    if (!isAway && phase % 5 === 4) shown.judge(other);
  }
  if (isAway) world.up(2);
  shown.judge(0);
  return shown;
}

for (const entriesMax of [ENTRIES_MAX, 64]) {
  const text = `contexts of ${entriesMax} entries, writes under contexts of any age`;
  test(`A10 ${REPLACEMENTS} replacements of nodes, ${text}: false siblings at worst`, () => {
    let againCount = 0;
    for (const seed of entriesMax === ENTRIES_MAX ? ['1', '2'] : ['1']) {
      const world = threeNodes(entriesMax);
      const key = world.keyOf([]);
      againCount += replaced(world, key, seed).falseSiblings;
      const { context } = world.get(0, key, { level: LEVEL.all });
      assert.is(context.length / 4, entriesMax, 'more have written than it has room for');
    }
    // Nobody is away for longer than 64 openings.
    assert.is(againCount > 0, entriesMax === ENTRIES_MAX, `${againCount} shown again`);
  });
}

test.run();
