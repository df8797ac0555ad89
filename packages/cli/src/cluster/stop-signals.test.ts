import process from 'node:process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stopSignals } from './stop-signals.ts';

test('two signals at once are one wish to stop; one that comes later is urgent', async () => {
  let nowMs = 5000;
  const signals = stopSignals(() => nowMs);
  try {
    process.emit('SIGINT', 'SIGINT');
    nowMs += 3;
    process.emit('SIGTERM', 'SIGTERM');
    assert.is(await signals.first, 'SIGINT');
    assert.is(signals.wanted, 'SIGINT');
    assert.not(signals.isUrgent);
    nowMs += 2000;
    process.emit('SIGINT', 'SIGINT');
    assert.ok(signals.isUrgent);
    assert.is(signals.wanted, 'SIGINT');
  } finally {
    signals.release();
  }
});

test.run();
