import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { RequestSlots, SLOT_STATE } from './request-slots.ts';
import { SLOT_BITS } from './slot-layout.ts';

test('[RS1] taken and freed in any order, a slot is free or in use, and changes generation', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(7), { maxLength: 100 }), (choices) => {
      const slots = new RequestSlots(4);
      const used = new Map<number, number>();
      for (const choice of choices) {
        const victim = [...used.keys()][choice];
        if (victim === undefined) {
          const slot = slots.take(SLOT_STATE.get, 5);
          assert.is(slot === -1, used.size === 4);
          if (slot < 0) continue;
          assert.not(used.has(slot));
          used.set(slot, slots.generation[slot]!);
        } else {
          const generation = used.get(victim)!;
          assert.ok(slots.isCurrent(victim, generation));
          slots.release(victim);
          used.delete(victim);
          assert.not(slots.isCurrent(victim, generation));
          assert.is.not(slots.generation[victim], generation);
        }
        assert.is(slots.inUse, used.size);
      }
    }),
    { numRuns: 200 },
  );
});

test('[RS1] freeing a free slot is a programmer error', () => {
  const slots = new RequestSlots(2);
  const slot = slots.take(SLOT_STATE.put, 5);
  slots.release(slot);
  assert.throws(() => slots.release(slot), /\[RS1\]/);
});

test('[RS1] no number outside the slots is current, nor a free slot in its own generation', () => {
  const slots = new RequestSlots(2);
  for (const slot of [-1, 0, 1, 2, 0x7fffffff]) assert.not(slots.isCurrent(slot, 0));
});

test('[RS2] what was counted for a request is gone when its slot is taken again', () => {
  const slots = new RequestSlots(1);
  const slot = slots.take(SLOT_STATE.get, 5);
  for (const set of [slots.asked, slots.answered, slots.failed, slots.current]) set[slot] = 7;
  slots.responded[slot] = 1;
  slots.status[slot] = 18;
  slots.durability[slot] = 2;
  slots.hedgeAt[slot] = 1;
  slots.heldWords[slot] = 3;
  slots.keepRequest(slot, new Int32Array(10), 0, 10);
  slots.release(slot);
  assert.is(slots.take(SLOT_STATE.put, 9), slot);
  for (const set of [slots.asked, slots.answered, slots.failed, slots.current]) {
    assert.is(set[slot], 0);
  }
  assert.equal([slots.responded[slot], slots.status[slot], slots.durability[slot]], [0, 0, 0]);
  assert.equal([slots.hedgeAt[slot], slots.heldWords[slot], slots.due[slot]], [Infinity, 0, 9]);
  assert.not(slots.hasKept(slot));
});

test('a request is kept as it was, small beside its neighbours or large in memory of its own', () => {
  const slots = new RequestSlots(4);
  const kept: (readonly [slot: number, words: Int32Array])[] = [10, 64, 66, 4000].map(
    (wordCount) => {
      const slot = slots.take(SLOT_STATE.get, 5);
      const words = Int32Array.from({ length: wordCount }, (_, index) => wordCount * index);
      slots.keepRequest(slot, words, 0, wordCount);
      return [slot, words];
    },
  );
  for (const [slot, words] of kept) {
    const start = slots.keptOffset(slot);
    assert.equal(slots.keptWords(slot).slice(start, start + words.length), words);
  }
});

test('what is held fits, and a large one does not outlive its request', () => {
  const slots = new RequestSlots(1);
  const slot = slots.take(SLOT_STATE.get, 5);
  const small = slots.takeHeld(slot, 10);
  assert.is(slots.takeHeld(slot, 64), small);
  assert.ok(slots.takeHeld(slot, 65).length >= 65);
  slots.release(slot);
  assert.is(slots.heldOf(slot), undefined);
});

test('the number of slots is a power of two that fits its bits', () => {
  assert.throws(() => new RequestSlots(3), /power of two/);
  assert.throws(() => new RequestSlots(2 << SLOT_BITS), /fits the bits/);
});

test('[RS3] no position of a slot that is taken has a stand-in yet', () => {
  const slots = new RequestSlots(1);
  const slot = slots.take(SLOT_STATE.put, 5);
  slots.setVia(slot, 3, 7, 31);
  assert.is(slots.viaOf(slot, 3), 7);
  assert.is(slots.standIns[slot], 1 << 3);
  slots.release(slot);
  assert.is(slots.take(SLOT_STATE.get, 5), slot);
  for (let position = 0; position < 16; position += 1) assert.is(slots.viaOf(slot, position), -1);
  assert.is(slots.standIns[slot], 0);
  assert.is(slots.standInsTried[slot], 0);
});

test.run();
