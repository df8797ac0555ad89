import { Prng } from '@clockwise/kernel/prng';
import { ERRORS } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressBook } from './address-book.ts';
import { ConnectionCore, type ConnectionEffect } from './connection-core.ts';
import { selfOf, welcomeOf } from './scripted-messages.ts';

const LIMITS = {
  backoffMsMin: 20,
  backoffMsMax: 1000,
  handshakeMsMin: 800,
  handshakeMsMax: 3000,
  silenceMsPing: 500,
  silenceMsMax: 1000,
};

function start(servers: readonly string[] = ['a:1']): ConnectionCore {
  const book = new AddressBook(servers, new Prng(1));
  return new ConnectionCore(book, LIMITS, new Prng(2), () => selfOf('cluster'), 0);
}

function ready(servers?: readonly string[]): ConnectionCore {
  const core = start(servers);
  core.tick(0);
  core.opened(1);
  core.told(2, welcomeOf('cluster'));
  return core;
}

function kinds(effects: readonly ConnectionEffect[]): string {
  return effects.map((effect) => effect.kind).join(' ');
}

test('[CC1] dial, greet, welcome: ready', () => {
  const core = start();
  assert.is(kinds(core.tick(0)), 'dial');
  assert.is(kinds(core.opened(1)), 'greet');
  assert.not(core.isReady);
  assert.is(kinds(core.told(2, welcomeOf('cluster'))), 'ready');
  assert.ok(core.isReady);
  assert.is(core.wakeAt, Infinity);
});

test('[CC1] a welcome to another cluster is refused by name', () => {
  const core = start();
  core.tick(0);
  core.opened(1);
  const effects = core.told(2, welcomeOf('elsewhere'));
  assert.is(kinds(effects), 'hang-up lost');
  assert.is(effects[1]?.kind === 'lost' && effects[1].code, 'WRONG_CLUSTER');
});

test('[CC1] a goodbye says why', () => {
  const core = start();
  core.tick(0);
  core.opened(1);
  const reason = ERRORS.WRONG_VERSION.code;
  const effects = core.told(2, { kind: 'goodbye', reason, text: 'too old' });
  assert.is(effects[1]?.kind === 'lost' && effects[1].code, 'WRONG_VERSION');
});

test('[CC1] an answer before the welcome, or a second welcome, ends the connection', () => {
  const core = ready();
  assert.is(kinds(core.told(5, welcomeOf('cluster'))), 'hang-up lost');
});

test('[CC2] rests double up to the bound, and a lost connection is replaced at once', () => {
  const core = start();
  let now = 0;
  for (let failure = 1; failure < 20; failure += 1) {
    assert.is(kinds(core.tick(now)), 'dial');
    assert.is(kinds(core.ended(now, 'refused')), 'lost');
    const bound = Math.min(20 * 2 ** (failure - 1), 1000);
    const restMs = core.wakeAt - now;
    assert.ok(restMs >= bound / 2 && restMs <= bound, `${failure}: ${restMs}`);
    now = core.wakeAt;
  }
  const worked = ready();
  worked.ended(77, 'reset');
  assert.is(worked.wakeAt, 77);
});

test('[CC2] [CC5] a handshake that does not end counts as a failure, and the next has more time', () => {
  const core = start();
  let now = 0;
  for (const timeMs of [800, 1600, 3000, 3000]) {
    core.tick(now);
    assert.is(core.wakeAt, now + timeMs);
    core.opened(now + 1);
    assert.is(core.wakeAt, now + 1 + timeMs);
    assert.is(kinds(core.tick(core.wakeAt)), 'hang-up lost');
    now = core.wakeAt;
  }
});

test('[CC3] silence with requests in flight: a ping, then the end', () => {
  const core = ready();
  core.sent(10);
  core.sent(400);
  assert.is(core.wakeAt, 510);
  assert.is(kinds(core.tick(510)), 'ping');
  assert.is(core.wakeAt, 1010);
  assert.is(kinds(core.tick(1010)), 'hang-up lost');
});

test('[CC3] a sign of life begins the silence anew, the last answer ends it', () => {
  const core = ready();
  core.sent(10);
  core.tick(510);
  core.heard(600, true);
  assert.is(core.wakeAt, 1100);
  core.heard(700, false);
  assert.is(core.wakeAt, Infinity);
});

test('[CC4] closed is final', () => {
  const core = ready();
  assert.is(kinds(core.close()), 'hang-up');
  assert.is(kinds(core.close()), '');
  assert.is(kinds(core.ended(9, 'gone')), '');
  assert.is(kinds(core.tick(9)), '');
  assert.is(core.wakeAt, Infinity);
});

test('the next address is another one', () => {
  const core = ready(['a:1', 'b:1']);
  const before = core.address;
  core.ended(5, 'reset');
  core.tick(5);
  assert.is.not(core.address, before);
});

test.run();
