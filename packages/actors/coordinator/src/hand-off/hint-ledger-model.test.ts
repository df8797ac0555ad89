// The ledger against a model of the store that it gives account of, which passes walk while it changes.
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type HintLedger, OWED_KIND } from './hint-ledger.ts';
import { EVERYBODY, type OwedRecord, type PlaceCount } from './place-count.ts';
import { counted, NODES, owed, PARTITIONS, PLACES } from './sample-ledger.ts';

const KEYS = 3;
const { copy, mark } = OWED_KIND;

interface Held {
  readonly nodes: Set<number>;
  version: number;
}

interface Pass {
  readonly count: PlaceCount;
  readonly keys: number[];
  /** Records of it that are on their way, or whose settle was not answered. */
  inFlight: number;
}

/**
 * A store of hidden records by key, and passes over it that go on while it changes: what a pass has shown
 * is settled some time later, if the record is still the same then, and each acknowledgement comes some
 * time after that, in order. A pass may be cut short when nothing of it is under way.
 */
class ModelledStore {
  /** Nothing is admitted, so that what there is in all is what there is too much. */
  readonly ledger: HintLedger = counted({
    hintBytesMax: 0,
    hintAgeSecondsMax: 1e9,
    owedMarksMax: 0,
  });
  readonly places: readonly Map<number, Held>[] = Array.from({ length: PLACES }, () => new Map());
  readonly passes: Pass[] = [];
  readonly #prng: Prng;
  readonly #settles: (() => void)[] = [];
  readonly #acknowledgements: (() => void)[] = [];
  #versions = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** Nothing is on its way to the ledger. */
  get isHeard(): boolean {
    return this.#acknowledgements.length === 0;
  }

  write(place: number, key: number, node: number, now: number): void {
    const nodes = new Set(this.places[place]!.get(key)?.nodes).add(node);
    this.#versions += 1;
    this.places[place]!.set(key, { nodes, version: this.#versions });
    const record = owed([...nodes], { place });
    this.#acknowledgements.push(() => this.ledger.added(record, now));
  }

  begin(place: number, node: number): void {
    const isFree = this.passes.every(({ count }) => count.place !== place || count.node !== node);
    if (!isFree) return;
    this.passes.push({
      count: this.ledger.open(place, node),
      keys: Array.from({ length: KEYS }, (_, key) => key),
      inFlight: 0,
    });
  }

  step(pass: Pass): void {
    const { count, keys } = pass;
    const isCut = pass.inFlight === 0 && this.#prng.chance(0.05);
    if (isCut || (keys.length === 0 && pass.inFlight === 0)) {
      this.passes.splice(this.passes.indexOf(pass), 1);
      if (isCut) this.ledger.abandon(count);
      else this.ledger.close(count);
      return;
    }
    const key = keys.shift();
    const held = key === undefined ? undefined : this.places[count.place]!.get(key);
    if (held === undefined) return;
    const record = owed([...held.nodes], { place: count.place });
    this.ledger.saw(count, record);
    if (!held.nodes.has(count.node) || this.#prng.chance(0.3)) return;
    pass.inFlight += 1;
    const { version } = held;
    this.#settles.push(() => this.#settle(pass, key!, version, record));
  }

  /** Of what is under way one thing happens; false: nothing is. */
  goOn(): boolean {
    const isAnswered = this.#settles.length === 0 || this.#prng.chance(0.5);
    const from = isAnswered ? this.#acknowledgements : this.#settles;
    const at = isAnswered ? 0 : this.#prng.below(from.length);
    const [happens] = from.splice(at, 1);
    happens?.();
    return happens !== undefined || this.#settles.length > 0;
  }

  #settle(pass: Pass, key: number, version: number, record: OwedRecord): void {
    const { place, node } = pass.count;
    const held = this.places[place]!.get(key);
    if (held?.version === version) {
      held.nodes.delete(node);
      if (held.nodes.size === 0) this.places[place]!.delete(key);
    }
    this.#acknowledgements.push(() => {
      pass.inFlight -= 1;
      this.ledger.settled(pass.count, record, record.nodes.length === 1, 0);
    });
  }
}

function checkAgainstStore(seed: string): void {
  const prng = new Prng(seed);
  const store = new ModelledStore(prng);
  const { ledger, passes } = store;
  const slowness = prng.pick([0.2, 0.5, 1]);
  // What is written again counts twice for a while, and would hide what is forgotten.
  const writes = prng.pick([0.04, 0.3]);
  for (let turn = 0; turn < 400; turn += 1) {
    // Few places, so that passes meet: copies and marks of one partition.
    const place = PARTITIONS * prng.below(2);
    if (prng.chance(writes)) store.write(place, prng.below(KEYS), prng.below(NODES), turn);
    else if (passes.length < 3 && prng.chance(0.4))
      store.begin(place, prng.chance(0.4) ? EVERYBODY : prng.below(NODES));
    else if (passes.length > 0 && prng.chance(0.5)) store.step(prng.pick(passes));
    else if (prng.chance(slowness)) store.goOn();
    // What is not acknowledged nobody can know.
    if (!store.isHeard) continue;
    for (const total of exactTotals(store.places)) {
      const said = ledger.report().find(({ node }) => node === total.node);
      assert.ok((said?.copies ?? 0) >= total.copies, `[HL1] seed ${seed}, turn ${turn}`);
      assert.ok((said?.marks ?? 0) >= total.marks, `[HL1] seed ${seed}, turn ${turn}`);
    }
    const whole = wholeOf(store.places);
    assert.ok(ledger.excessCopyBytes >= whole.copyBytes, `[HL1] seed ${seed}, turn ${turn}`);
    assert.ok(ledger.excessMarks >= whole.marks, `[HL1] seed ${seed}, turn ${turn}`);
  }
  const finish = (): void => {
    while (passes.length > 0) if (!store.goOn()) store.step(passes[0]!);
  };
  finish();
  while (store.goOn());
  // [HL2] Nothing comes any more: a pass over what was touched makes it exact.
  for (let place = 0; place < PLACES; place += 1) {
    for (let tries = 0; ledger.wantsCount(place, 10_000) || tries === 0; tries += 1) {
      assert.ok(tries < 20, 'a pass is cut short now and then');
      store.begin(place, EVERYBODY);
      finish();
    }
  }
  const said = ledger.report().map(({ node, copies, marks }) => ({ node, copies, marks }));
  const exact = exactTotals(store.places).map(({ node, copies, marks }) => ({
    node,
    copies,
    marks,
  }));
  const owing = (total: { copies: number; marks: number }): boolean =>
    total.copies + total.marks > 0;
  assert.equal(said.filter(owing), exact.filter(owing), `[HL2] seed ${seed}`);
  const whole = wholeOf(store.places);
  assert.is(ledger.excessCopyBytes, whole.copyBytes, `[HL2] seed ${seed}`);
  assert.is(ledger.excessMarks, whole.marks, `[HL2] seed ${seed}`);
}

/** Records, each once: to how many nodes they are owed does not count. */
function wholeOf(places: readonly Map<number, Held>[]): { copyBytes: number; marks: number } {
  const of = (kind: number): number =>
    places
      .slice(kind * PARTITIONS, (kind + 1) * PARTITIONS)
      .reduce((sum, place) => sum + place.size, 0);
  return { copyBytes: of(copy) * owed([]).byteCount, marks: of(mark) };
}

function exactTotals(
  store: readonly Map<number, Held>[],
): { node: number; copies: number; marks: number }[] {
  const of = (node: number, kind: number): number => {
    const places = store.slice(kind * PARTITIONS, (kind + 1) * PARTITIONS);
    return places.reduce(
      (sum, place) => sum + [...place.values()].filter(({ nodes }) => nodes.has(node)).length,
      0,
    );
  };
  return Array.from({ length: NODES }, (_, node) => ({
    node,
    copies: of(node, copy),
    marks: of(node, mark),
  }));
}

test('[HL1, HL2] never less than the store holds, and exact when all was counted', () => {
  for (let seed = 0; seed < 200; seed += 1) checkAgainstStore(`ledger ${seed}`);
});

test.run();
