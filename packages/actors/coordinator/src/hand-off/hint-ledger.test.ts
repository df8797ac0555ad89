import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HintLedger, OWED_KIND, type LedgerLimits } from './hint-ledger.ts';
import { EVERYBODY, type OwedRecord, type PlaceCount } from './place-count.ts';

const LIMITS: LedgerLimits = {
  hintBytesMax: 1000,
  hintAgeSecondsMax: 100,
  owedMarksMax: 3,
  handOffRoundMs: 1000,
};
const PARTITIONS = 2;
const NODES = 4;
const PLACES = PARTITIONS * 3;
const KEYS = 3;
const { copy, mark, dirty } = OWED_KIND;

function ledgerOf(limits: Partial<LedgerLimits> = {}): HintLedger {
  return new HintLedger(NODES, PARTITIONS, { ...LIMITS, ...limits });
}

/** One whose store was found empty. */
function counted(limits: Partial<LedgerLimits> = {}): HintLedger {
  const ledger = ledgerOf(limits);
  for (let place = 0; place < PLACES; place += 1) ledger.close(ledger.open(place, EVERYBODY));
  return ledger;
}

function owed(nodes: readonly number[], fields: Partial<OwedRecord> = {}): OwedRecord {
  return { place: 0, nodes, byteCount: 100, seconds: 5000, ...fields };
}

test('all is unknown until each place was counted once', () => {
  const ledger = ledgerOf();
  for (let place = 0; place < PLACES; place += 1) {
    assert.is(ledger.isCounted, false);
    assert.is(ledger.wantsCount(place, 0), true);
    ledger.close(ledger.open(place, EVERYBODY));
    assert.is(ledger.wantsCount(place, 0), false);
  }
  assert.is(ledger.isCounted, true);
  assert.is(ledger.isIdle, true);
  ledger.forget(3);
  assert.is(ledger.isCounted, false);
  assert.is(ledger.wantsCount(3, 0), true);
});

test('a report names what each node is owed, and since when', () => {
  const ledger = counted();
  ledger.added(owed([1, 2], { place: ledger.placeOf(copy, 1), seconds: 4000 }), 0);
  ledger.added(owed([2], { place: ledger.placeOf(mark, 0), byteCount: 16 }), 0);
  ledger.added(owed([2], { place: ledger.placeOf(dirty, 0), byteCount: 8, seconds: 3000 }), 0);
  assert.equal(ledger.report(), [
    { node: 1, copies: 1, marks: 0, dirty: 0, bytes: 100, oldestSeconds: 4000 },
    { node: 2, copies: 1, marks: 1, dirty: 1, bytes: 124, oldestSeconds: 3000 },
  ]);
  assert.is(ledger.owesAnything(1), true);
  assert.is(ledger.owesAnything(3), false);
});

test('[HL1] what is added behind the pass that settles all the rest is still owed', () => {
  const ledger = counted();
  const first = owed([1]);
  ledger.added(first, 0);
  const count = ledger.open(0, 1);
  ledger.saw(count, first);
  ledger.added(owed([1]), 0);
  ledger.settled(count, first, true, 0);
  assert.is(ledger.owes(0, 1), true);
  ledger.close(count);
  assert.is(ledger.report()[0]!.copies, 1);
});

test('[HL2] a key that is written again and again is one copy, once it is counted', () => {
  const ledger = counted();
  for (let write = 0; write < 10; write += 1) ledger.added(owed([1]), 0);
  assert.is(ledger.report()[0]!.copies, 10);
  assert.is(ledger.wantsCount(0, 999), false);
  assert.is(ledger.wantsCount(0, 1000), true);
  const count = ledger.open(0, EVERYBODY);
  ledger.saw(count, owed([1]));
  ledger.close(count);
  assert.is(ledger.report()[0]!.copies, 1);
  assert.is(ledger.wantsCount(0, 5000), false);
});

test('under load a place is counted when it has grown by half, not at every write', () => {
  const ledger = counted({ hintBytesMax: 1e9 });
  let counts = 0;
  for (let write = 1; write <= 10_000; write += 1) {
    ledger.added(owed([1]), write);
    if (!ledger.wantsCount(0, write)) continue;
    counts += 1;
    const count = ledger.open(0, EVERYBODY);
    for (let seen = 0; seen < write; seen += 1) ledger.saw(count, owed([1]));
    ledger.close(count);
  }
  assert.ok(counts > 5 && counts < 25, `${counts} counts`);
});

test('[HL3] copies are admitted within their bytes, all targets together', () => {
  const ledger = counted();
  for (let write = 0; write < 9; write += 1) ledger.added(owed([write % 3], { seconds: 5000 }), 0);
  assert.is(ledger.admits([3], 100, 5000), true);
  assert.is(ledger.admits([3], 101, 5000), false);
  ledger.added(owed([1]), 0);
  assert.is(ledger.admits([3], 4, 5000), false);
  assert.is(ledger.excessCopyBytes, 0);
  ledger.added(owed([1]), 0);
  assert.is(ledger.excessCopyBytes, 100);
});

test('[HL3] a target whose oldest copy is too old is given no more, until that copy is gone', () => {
  const ledger = counted();
  const old = owed([1], { seconds: 5000 });
  ledger.added(old, 0);
  ledger.added(owed([2], { seconds: 5050 }), 0);
  assert.is(ledger.admits([1], 1, 5100), true);
  assert.is(ledger.admits([1], 1, 5101), false);
  assert.is(ledger.admits([1, 2], 1, 5101), true);
  assert.is(ledger.admits([1, 2], 1, 5151), false);
  assert.is(ledger.oldestCopySeconds, 5000);
  const count = ledger.open(0, 1);
  ledger.saw(count, old);
  ledger.settled(count, old, true, 0);
  ledger.close(count);
  assert.is(ledger.admits([1], 1, 5102), true);
  assert.is(ledger.oldestCopySeconds, 5050);
});

test('[HL1] what a pass for everybody gives up is owed until that pass has seen the whole place', () => {
  const ledger = counted();
  const [one, two] = [owed([1]), owed([1])];
  ledger.added(one, 0);
  ledger.added(two, 0);
  const delivery = ledger.open(0, 1);
  const upkeep = ledger.open(0, EVERYBODY);
  for (const count of [delivery, upkeep]) ledger.saw(count, one);
  ledger.settled(delivery, one, true, 0);
  ledger.settled(upkeep, one, true, 0);
  assert.is(ledger.owes(0, 1), true);
  ledger.abandon(upkeep);
  ledger.saw(delivery, two);
  ledger.close(delivery);
  assert.is(ledger.report()[0]!.copies, 1);
});

test('[HL1] what was settled before a count of everybody is not taken from what that found', () => {
  for (const isNotedAnew of [false, true]) {
    const ledger = counted();
    const [one, two] = [owed([1]), owed([1])];
    ledger.added(one, 0);
    if (!isNotedAnew) ledger.added(two, 0);
    const delivery = ledger.open(0, 1);
    ledger.saw(delivery, one);
    // The same key again, of which nothing is settled then; or another one, which a slow target has still to take.
    if (isNotedAnew) ledger.added(one, 0);
    else ledger.saw(delivery, two);
    const count = ledger.open(0, EVERYBODY);
    ledger.saw(count, isNotedAnew ? one : two);
    ledger.close(count);
    ledger.settled(delivery, one, true, 0);
    assert.is(ledger.report()[0]?.copies, 1);
    assert.ok(ledger.holdsAny(0));
    // The target is silent, and the pass ends.
    ledger.abandon(delivery);
    assert.is(ledger.owes(0, 1), true);
    assert.is(ledger.isIdle, false);
  }
});

test('marks beyond their limit are told', () => {
  const ledger = counted();
  const place = ledger.placeOf(mark, 0);
  for (let write = 0; write < 5; write += 1) ledger.added(owed([1], { place }), 0);
  assert.is(ledger.excessMarks, 2);
  assert.is(ledger.excessCopyBytes, 0);
});

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

test('[HL2] a count of everybody that a pass took from wants another when it is quiet', () => {
  const ledger = counted();
  ledger.added(owed([0]), 0);
  ledger.added(owed([1]), 0);
  const pass = ledger.open(0, 0);
  ledger.saw(pass, owed([0]));
  const whole = ledger.open(0, EVERYBODY);
  for (const node of [0, 1]) ledger.saw(whole, owed([node]));
  ledger.settled(pass, owed([0]), true, 5000);
  ledger.close(pass);
  ledger.close(whole);
  assert.equal(
    ledger.report().map(({ node }) => node),
    [0, 1],
  );
  assert.is(ledger.wantsCount(0, 5999), false);
  assert.is(ledger.wantsCount(0, 6000), true);
});

test('[HL2] a pass that is cut short when a count of everybody has overtaken it wants another', () => {
  const ledger = counted();
  ledger.added(owed([0, 1]), 0);
  ledger.added(owed([0]), 0);
  const pass = ledger.open(0, 0);
  ledger.saw(pass, owed([0]));
  const whole = ledger.open(0, EVERYBODY);
  for (const nodes of [[0, 1], [0]]) ledger.saw(whole, owed(nodes));
  ledger.close(whole);
  assert.is(ledger.wantsCount(0, 10_000), false);
  ledger.settled(pass, owed([0]), true, 0);
  ledger.abandon(pass);
  assert.is(ledger.report()[0]!.copies, 2);
  assert.is(ledger.wantsCount(0, 10_000), true);
});

test.run();
