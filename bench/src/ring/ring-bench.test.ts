/** The ring benchmark in small: it runs to its end, checks each message, and names its figures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ringBenchmark } from './ring-bench.ts';

test('the ring benchmark gives a figure of ours and of the peer in every row', async () => {
  const args = ['--runs', '1', '--messages', '3000', '--round-trips', '200'];
  const { results } = await ringBenchmark.run(args);
  assert.is(results.length, 8);
  for (const result of results) {
    assert.ok(result.value > 0, result.name);
    assert.ok(result.peerValue !== null && result.peerValue > 0, result.name);
    assert.is(result.peer, 'MessagePort');
  }
});

test('a count that is none is refused', async () => {
  let message = '';
  await ringBenchmark.run(['--runs', 'many']).catch((error: Error) => (message = error.message));
  assert.match(message, '--runs');
});

test.run();
