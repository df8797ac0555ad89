import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LatencyGauge } from './latency-gauge.ts';

test('[LG1] the slowest of the last 64 appends and reads, whichever kind is slower', () => {
  const gauge = new LatencyGauge();
  for (let index = 0; index < 64; index += 1) {
    const at = index * 20;
    gauge.appended(index + 1, at);
    gauge.released(index + 1, at + (index === 0 ? 9 : 2));
    gauge.readBegan(index, at);
    gauge.readEnded(index, at + 3);
  }
  assert.is(gauge.latencyMs(1300), 9);
  gauge.appended(100, 1300);
  gauge.released(100, 1301);
  assert.is(gauge.latencyMs(1301), 3, 'the first is forgotten; reads are slower now');
});

test('[LG1] one append and one read are timed at a time; a release ends what it covers', () => {
  const gauge = new LatencyGauge();
  gauge.appended(5, 10);
  gauge.appended(6, 11);
  gauge.released(4, 12);
  assert.is(gauge.latencyMs(12), 0);
  gauge.released(6, 17);
  assert.is(gauge.latencyMs(17), 7);
  gauge.readBegan(1, 20);
  gauge.readBegan(2, 21);
  gauge.readEnded(2, 22);
  gauge.readEnded(3, 60);
  assert.is(gauge.latencyMs(60), 7, 'a read that is not timed says nothing');
  gauge.readEnded(1, 70);
  assert.is(gauge.latencyMs(70), 50);
});

test('[LG2] what is long ago says nothing, and what comes after it stands alone', () => {
  const gauge = new LatencyGauge();
  gauge.appended(1, 0);
  gauge.released(1, 900);
  assert.is(gauge.latencyMs(5900), 900);
  assert.is(gauge.latencyMs(5901), 0);
  gauge.appended(2, 10_000);
  gauge.released(2, 10_001);
  assert.is(gauge.latencyMs(10_001), 1);
});

test.run();
