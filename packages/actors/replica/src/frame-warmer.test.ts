/** Frames large enough to be warmed, and one operation at a time: the same answers. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplicaWorld } from './replica-world.ts';
import { type SampleOperation, textOfBytes } from './sample-operations.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `key ${index}`);

function valuesOf(replies: ReturnType<ReplicaWorld['ask']>): readonly unknown[] {
  return replies.map(({ status, records }) => [
    status,
    records.map(({ siblings }) => siblings.map(({ value }) => textOfBytes(value))),
  ]);
}

test('[WM1] a frame of many operations is answered as the same operations one by one', () => {
  const together = new ReplicaWorld();
  const apart = new ReplicaWorld();
  const writes = KEYS.map((key): SampleOperation => ({ kind: 'write', key, value: `of ${key}` }));
  together.ask(writes);
  for (const operation of writes) apart.ask([operation]);
  together.writeLog();
  apart.writeLog();
  const reads = [...KEYS, 'absent'].map((key): SampleOperation => ({ kind: 'read', key }));
  const answers = valuesOf(together.ask(reads));
  assert.is(answers.length, KEYS.length + 1);
  assert.equal(
    answers,
    reads.flatMap((operation) => valuesOf(apart.ask([operation]))),
  );
});

test.run();
