import { ClockwiseError, Context, type Key, type Value } from '@clockwise/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chunksOf } from '../test-terminal.ts';
import {
  importLines,
  type ImportFailure,
  type ImportLimits,
  type ImportSummary,
} from './import-run.ts';
import type { Line } from './lines.ts';
import { Progress } from './progress.ts';

type Put = (key: Key, value: Value, options: object) => Promise<void>;

interface Imported {
  readonly summary: ImportSummary;
  readonly failures: readonly ImportFailure[];
  readonly progress: Progress;
  readonly slept: number;
}

const LIMITS: ImportLimits = {
  inFlightMax: 8,
  inFlightBytesMax: 1000,
  patienceMs: 1000,
  pauseMs: 100,
};

async function run(texts: readonly string[], put: Put, limits = LIMITS): Promise<Imported> {
  const lines = texts.map((text, index): Line => {
    return { kind: 'text', number: index + 1, text, bytes: text.length };
  });
  const failures: ImportFailure[] = [];
  const progress = new Progress(0);
  let slept = 0;
  const summary = await importLines(chunksOf(lines), {
    target: {
      put: async (key, value, options) => {
        await put(key, value, options);
        return { context: new Context([]) };
      },
    },
    limits,
    progress,
    report: (failure) => failures.push(failure),
    world: {
      now: () => slept,
      nowSeconds: () => 1_000_000,
      sleep: async (milliseconds) => {
        slept += milliseconds;
      },
    },
  });
  return { summary, failures, progress, slept };
}

function record(key: string, value: unknown = 1): string {
  return JSON.stringify({ key, value });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

test('[IM1] what the cluster refuses is reported by line and key, and the rest is loaded', async () => {
  const stored: Key[] = [];
  const texts = [record('a'), record('big'), '{"key":"x"}', 'junk', record('b')];
  const { summary, failures, progress } = await run(texts, async (key) => {
    if (key === 'big') throw new ClockwiseError('VALUE_TOO_LARGE');
    stored.push(key);
  });
  assert.equal(stored, ['a', 'b']);
  assert.equal(
    failures
      .map(({ lineNumber, key }) => [lineNumber, key] as const)
      .toSorted(([one], [other]) => one - other),
    [
      [2, 'big'],
      [3, 'x'],
      [4, undefined],
    ],
  );
  assert.is(progress.errorCount, 3);
  assert.is(progress.recordCount, 2);
  assert.is(summary.aborted, undefined);
});

test('[IM2] of lines with one key the last one wins: never are two of them in flight', async () => {
  const texts = Array.from({ length: 200 }, (_, index) => record(`k${index % 3}`, index));
  const inFlight = new Set<Key>();
  const stored = new Map<Key, Value>();
  await run(texts, async (key, value) => {
    assert.not.ok(inFlight.has(key));
    inFlight.add(key);
    await turns(1 + (Number(value) % 7));
    stored.set(key, value);
    inFlight.delete(key);
  });
  assert.equal(new Set(stored.values()), new Set([197, 198, 199]));
});

test('[IM3] operations in flight are bounded in count and in bytes, and one always fits', async () => {
  const largest = { count: 0, bytes: 0 };
  let count = 0;
  let bytes = 0;
  const texts = Array.from({ length: 300 }, (_, index) =>
    record(`k${index}`, 'x'.repeat((index * 37) % 400)),
  );
  texts.push(record('huge', 'x'.repeat(5000)));
  const { progress } = await run(texts, async (key, value) => {
    const size = record(String(key), value).length;
    count += 1;
    bytes += size;
    largest.count = Math.max(largest.count, count);
    if (key !== 'huge') largest.bytes = Math.max(largest.bytes, bytes);
    await turns(3);
    count -= 1;
    bytes -= size;
  });
  assert.is(progress.recordCount, 301);
  assert.ok(largest.count > 1 && largest.count <= LIMITS.inFlightMax, String(largest.count));
  assert.ok(largest.bytes <= LIMITS.inFlightBytesMax, String(largest.bytes));
});

test('[IM4] a cluster that comes back within the patience loses nothing', async () => {
  let left = 5;
  const { summary, failures, progress } = await run([record('a'), record('b')], async () => {
    if (left > 0) {
      left -= 1;
      throw new ClockwiseError(left % 2 === 0 ? 'UNAVAILABLE' : 'TIMEOUT');
    }
  });
  assert.is(progress.recordCount, 2);
  assert.equal(failures, []);
  assert.is(summary.aborted, undefined);
});

test('[IM4] a cluster that stays away ends the import, with the line; so does a wrong bucket', async () => {
  const texts = Array.from({ length: 100 }, (_, index) => record(`k${index}`));
  for (const code of ['UNAVAILABLE', 'NO_SUCH_BUCKET'] as const) {
    let puts = 0;
    const { summary, slept } = await run(texts, async (key) => {
      puts += 1;
      if (key !== 'k0') throw new ClockwiseError(code);
    });
    assert.is(summary.aborted?.error.code, code);
    assert.is(summary.aborted?.lineNumber, 2);
    assert.ok(puts < 200, `${puts} puts`);
    assert.ok(slept <= 100 * LIMITS.patienceMs);
  }
});

test('siblings: the first replaces, others stand beside it; what has expired is left out', async () => {
  const puts: unknown[] = [];
  const texts = [
    '{"key":"s","siblings":[{"value":1},{"value":2}]}',
    '{"key":"t","value":3,"expires":1000060}',
    '{"key":"u","value":4,"expires":999999}',
  ];
  const { summary, progress } = await run(texts, async (key, value, options) => {
    puts.push([key, value, options]);
  });
  assert.equal(
    new Set(puts.map((put) => JSON.stringify(put))),
    new Set(['["s",1,{}]', '["s",2,{"context":"none"}]', '["t",3,{"timeToLiveSeconds":60}]']),
  );
  assert.is(summary.expiredCount, 1);
  assert.is(progress.recordCount, 3);
});

test('lines in another spelling are loaded and counted', async () => {
  const { summary, progress } = await run(
    ['{"key": "a", "value": 1}', record('b')],
    async () => {},
  );
  assert.is(summary.respelledCount, 1);
  assert.is(progress.recordCount, 2);
});

test.run();
