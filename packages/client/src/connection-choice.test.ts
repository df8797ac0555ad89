import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectionsToUse } from './connection-choice.ts';
import { MemoryWorld } from './memory-world.ts';
import { valuesAnswer } from './scripted-answers.ts';

test('[CH1] those in doubt are used only where all are', () => {
  const sure = { isReady: true, isInDoubt: false };
  const silent = { isReady: true, isInDoubt: true };
  const away = { isReady: false, isInDoubt: false };
  assert.equal(connectionsToUse([silent, sure, away]), [sure]);
  assert.equal(connectionsToUse([silent, away]), [silent]);
  assert.equal(connectionsToUse([away]), []);
});

test('[CH1] what is asked while a node is silent goes to another one', async () => {
  const world = new MemoryWorld();
  for (const name of ['a:1', 'b:1']) world.node(name).script = () => valuesAnswer('v');
  const db = await world.connect({ connections: 2, silenceTimeoutMs: 400 });
  await world.settle();
  world.links[0]!.isCut = true;
  const keys = Array.from({ length: 8 }, (_, index) => `${index}`);
  const first = db.bucket().getMany(keys);
  await world.advance(150);
  assert.is(db.connections[0]!.inFlightCount, 4);
  const later = db.bucket().getMany(keys);
  await world.advance(10);
  assert.is(db.connections[0]!.inFlightCount, 4);
  assert.ok((await later).every(({ ok }) => ok));
  await world.advance(400);
  assert.ok((await first).every(({ ok }) => ok));
  db.close();
});

test.run();
