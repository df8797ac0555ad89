import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { primaryAt } from '../positions.ts';
import { placedSlot, type SlotShape } from '../requests/placed-slot.ts';

const NODES = [0, 1, 2, 3, 4];
const ALL_UP = NODES.map(() => true);
const PLAIN: SlotShape = {
  replicas: NODES,
  walk: NODES,
  dataCentres: ['one', 'one', 'one', 'two', 'two'],
  linked: ALL_UP,
  suspected: NODES.map(() => false),
};

function orderOf({ context, slot }: ReturnType<typeof placedSlot>): number[] {
  const count = context.preference.order(context, slot);
  return [...context.preference.ordered.subarray(0, count)].map((position) =>
    primaryAt(context, slot, position),
  );
}

test('[PF1] before anything is known: the own node, the own data centre, the list', () => {
  assert.equal(orderOf(placedSlot(PLAIN)), [0, 1, 2, 3, 4]);
  assert.equal(orderOf(placedSlot({ ...PLAIN, replicas: [4, 2, 0] })), [0, 2, 4]);
});

test('[PF1] none that cannot be used, and none of another data centre before one of the own', () => {
  const shapes = fc.record({
    linked: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    /** A node never suspects itself. */
    suspected: fc
      .array(fc.boolean(), { minLength: 4, maxLength: 4 })
      .map((peers) => [false, ...peers]),
    answers: fc.array(
      fc.record({ node: fc.nat(4), ms: fc.double({ min: 0, max: 1e4, noNaN: true }) }),
      { maxLength: 30 },
    ),
    inFlight: fc.array(fc.nat(2000), { minLength: 5, maxLength: 5 }),
  });
  fc.assert(
    fc.property(shapes, ({ linked, suspected, answers, inFlight }) => {
      const placed = placedSlot({ ...PLAIN, linked, suspected });
      const { preference } = placed.context;
      answers.forEach(({ node, ms }, at) => preference.answered(node, ms, at * 10));
      inFlight.forEach((count, node) => {
        for (let read = 0; read < count; read += 1) preference.asked(node);
      });
      const order = orderOf(placed);
      const usable = NODES.filter((node) => linked[node]! && !suspected[node]!);
      assert.equal(
        order.toSorted((left, right) => left - right),
        usable,
      );
      const firstElsewhere = order.findIndex((node) => node >= 3);
      if (firstElsewhere >= 0) assert.ok(order.slice(firstElsewhere).every((node) => node >= 3));
      for (let index = 1; index < order.length; index += 1) {
        assert.ok(preference.compare(order[index - 1]!, order[index]!) <= 0);
      }
    }),
  );
});

test('[PF2] a node that answers slowly goes back behind others, and comes again once it is quick', () => {
  const placed = placedSlot({ ...PLAIN, replicas: [0, 1, 2] });
  const { preference } = placed.context;
  let now = 0;
  const round = (ms: readonly number[]): number[] => {
    now += 20;
    ms.forEach((one, node) => preference.answered(node, one, now));
    return orderOf(placed);
  };
  for (let turn = 0; turn < 50; turn += 1) round([1, 1, 1]);
  assert.equal(round([1, 1, 1]), [0, 1, 2]);
  assert.equal(round([1, 100, 1]), [0, 2, 1]);
  for (let turn = 0; turn < 50; turn += 1) round([100, 1, 1]);
  assert.is(orderOf(placed).at(-1), 0);
  for (let turn = 0; turn < 400; turn += 1) round([1, 1, 1]);
  assert.is(orderOf(placed)[0], 0);
});

test('[PF2] one that refuses or stays silent is noticed before it answers', () => {
  const placed = placedSlot({ ...PLAIN, replicas: [0, 1, 2] });
  const { preference } = placed.context;
  preference.silent(0, 50, 1000);
  assert.equal(orderOf(placed), [1, 2, 0]);
  preference.refused(1, 1000);
  assert.is(orderOf(placed)[0], 2);
});

test('[PF2] many awaited answers count as slowness, and are forgotten when they came', () => {
  const placed = placedSlot({ ...PLAIN, replicas: [0, 1, 2] });
  const { preference } = placed.context;
  for (let read = 0; read < 100; read += 1) preference.asked(1);
  assert.equal(orderOf(placed), [0, 2, 1]);
  for (let read = 0; read < 100; read += 1) preference.ended(1);
  assert.equal(orderOf(placed), [0, 1, 2]);
});

test.run();
