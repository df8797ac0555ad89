import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FigureCollector } from './figure-collector.ts';

interface Asked {
  readonly to: string;
  readonly request: number;
}

function makeCollector(timeoutMs: number): { collector: FigureCollector; asked: Asked[] } {
  const asked: Asked[] = [];
  const collector = new FigureCollector({
    actors: ['one', 'two'],
    timeoutMs,
    tell: (to, message) => {
      if (message.kind === 'figures-wanted') asked.push({ to, request: message.request });
    },
  });
  return { collector, asked };
}

function answer(request: number, count: number): ActorMessage {
  return { kind: 'figures', request, figures: { count } };
}

test('[FC1] a collection ends when all have answered', async () => {
  const { collector, asked } = makeCollector(60_000);
  const collected = collector.collect();
  assert.equal(
    asked.map(({ to }) => to),
    ['one', 'two'],
  );
  const { request } = asked[0]!;
  collector.told('two', answer(request, 2));
  collector.told('one', answer(request, 1));
  assert.equal(await collected, { one: { count: 1 }, two: { count: 2 } });
});

test('[FC1] who does not answer in time is left out, and is not believed later', async () => {
  const { collector, asked } = makeCollector(1);
  const collected = collector.collect();
  const { request } = asked[0]!;
  collector.told('one', answer(request, 1));
  collector.told('two', answer(request + 7, 2));
  assert.equal(await collected, { one: { count: 1 } });
  const next = collector.collect();
  collector.told('two', answer(request, 2));
  assert.equal(await next, {});
});

test('those who ask at the same time share one collection', async () => {
  const { collector, asked } = makeCollector(1);
  const [one, two] = await Promise.all([collector.collect(), collector.collect()]);
  assert.is(one, two);
  assert.is(asked.length, 2);
});

test.run();
