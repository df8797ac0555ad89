import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REQUEST_STATE, RequestTable } from './request-table.ts';

let drawn = 0;
function start(requestsMax: number): RequestTable {
  return new RequestTable(requestsMax, () => ({ high: 0, low: (drawn += 1) }));
}

test('[RT1] an id dies with its try, and with its request', () => {
  const table = start(4);
  const slot = table.open();
  const first = table.id(slot);
  assert.is(table.slotOf(first), slot);
  table.beginTry(slot);
  assert.is(table.slotOf(first), -1);
  const second = table.id(slot);
  table.free(slot);
  assert.is(table.slotOf(second), -1);
  assert.is(table.open(), slot);
  assert.is(table.slotOf(second), -1);
  assert.is(table.slotOf(0x7fff_ffff), -1);
});

test('[RT1] ids stay distinct over all slots and the wrap of generations', () => {
  const table = start(0x1_0000);
  const slots = Array.from({ length: 0x1_0000 }, () => table.open());
  assert.is(new Set(slots.map((slot) => table.id(slot))).size, 0x1_0000);
  for (const slot of slots) assert.is(table.slotOf(table.id(slot)), slot);
  for (let round = 0; round < 0x1_0001; round += 1) table.beginTry(5);
  assert.is(table.slotOf(table.id(5)), 5);
});

test('[RT2] one more than may be is refused; a freed slot is there again', () => {
  const table = start(1500);
  const slots = Array.from({ length: 1500 }, () => table.open());
  assert.is(new Set(slots).size, 1500);
  assert.is(table.open(), -1);
  table.free(77);
  assert.is(table.open(), 77);
  assert.is(table.count, 1500);
});

test('[RT3] a free slot holds nothing', () => {
  const table = start(2);
  const slot = table.open();
  table.key[slot] = 'k';
  table.value[slot] = 'v';
  table.context[slot] = [1, 2, 3, 4];
  table.bucket[slot] = { name: 'b', resolve: undefined };
  table.resolve[slot] = () => undefined;
  table.reject[slot] = () => undefined;
  table.signal[slot] = AbortSignal.abort();
  table.lastCode[slot] = 'TIMEOUT';
  table.free(slot);
  const { key, value, context, bucket, resolve, reject, signal, lastCode } = table;
  assert.is(key[slot], '');
  for (const column of [value, context, bucket, resolve, reject, signal, lastCode]) {
    assert.is(column[slot], undefined);
  }
  assert.is(table.state[slot], REQUEST_STATE.free);
});

test('[RT4] operation ids are new for each write, and the same over its tries', () => {
  const table = start(8);
  const idOf = (slot: number): string => `${table.sessionLow[slot]}:${table.sequence[slot]}`;
  const first = table.open();
  table.assignOperationId(first);
  const second = table.open();
  table.assignOperationId(second);
  assert.is.not(idOf(first), idOf(second));
  const before = idOf(first);
  table.beginTry(first);
  assert.is(idOf(first), before);
  assert.is(table.sessionLow[first], table.session.low);
});

test.run();
