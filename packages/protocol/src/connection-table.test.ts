import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CONNECTION_STATE,
  ConnectionTable,
  connectionOfRoute,
  generationOfRoute,
  routeOf,
} from './connection-table.ts';
import { admitsTag, CONNECTION } from './handshake.ts';
import { TAG } from './frame.ts';

const { fresh, client } = CONNECTION_STATE;

test('[CN1] before the greeting only control frames are admitted', () => {
  for (const state of [CONNECTION.awaitingHello, CONNECTION.awaitingWelcome]) {
    for (const tag of Object.values(TAG)) assert.is(admitsTag(state, tag), tag === TAG.control);
  }
});

test('[CN2] a connection is open only in the generation in which it was opened', () => {
  const table = new ConnectionTable(4);
  table.open(2, client, 0);
  const first = table.generation[2]!;
  assert.ok(table.isOpen(2, first));
  table.close(2);
  assert.not(table.isOpen(2, first));
  table.open(2, client, 0);
  assert.not(table.isOpen(2, first));
  assert.ok(table.isOpen(2, table.generation[2]!));
});

test('[CN3] a connection that is being closed is no longer live, and its next life is', () => {
  const table = new ConnectionTable(4);
  table.open(1, client, 0);
  table.closing[1] = 1;
  assert.not(table.isLive(1));
  assert.not(table.isOpen(1, table.generation[1]!));
  table.close(1);
  assert.not(table.isLive(1));
  table.open(1, fresh, 0);
  assert.ok(table.isLive(1));
});

test('a connection opens once, closes once, and is counted', () => {
  const table = new ConnectionTable(2);
  table.open(0, fresh, 5);
  table.open(1, fresh, 5);
  assert.is(table.count, 2);
  assert.throws(() => table.open(0, fresh, 5), /opens once/);
  assert.throws(() => table.open(2, fresh, 5), /below its limit/);
  table.close(0);
  assert.is(table.count, 1);
  assert.throws(() => table.close(0), /an open connection closes/);
});

test('a route names connection and generation, and is never the zero of this coordinator', () => {
  for (const connection of [0, 1, 4095, 65_534]) {
    for (const generation of [0, 1, 0x7fff]) {
      const route = routeOf(connection, generation);
      assert.ok(route > 0);
      assert.is(connectionOfRoute(route), connection);
      assert.is(generationOfRoute(route), generation);
    }
  }
});

test.run();
