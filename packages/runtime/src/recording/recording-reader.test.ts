import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FILE_HEADER } from './recording-format.ts';
import { parseRecording, readRecording } from './recording-reader.ts';
import { recordToy, type ToyRun } from './toy-recording.ts';

const STEPS = 12;

const reader = suite<{ run: ToyRun; bytes: Buffer }>('recording reader');
reader.before.each((context) => {
  context.run = recordToy('reader', STEPS);
  context.bytes = readFileSync(context.run.file);
});
reader.after.each(({ run }) => run.remove());

function reasonOf(bytes: Uint8Array): string {
  const reading = parseRecording(bytes);
  return reading.ok ? 'it is read' : reading.reason;
}

reader('[RR1] whichever byte is changed, the recording is refused', ({ bytes }) => {
  const reasons = new Set<string>();
  for (let at = 0; at < bytes.length; at += 1) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1 << (at % 8);
    reasons.add(reasonOf(damaged).replace(/-?\d+/g, 'N'));
  }
  assert.equal([...reasons].toSorted(), [
    'it is damaged behind step N',
    'it is no recording',
    'its format is version N; this program reads N',
    'its header is damaged',
    'what the core was built from is damaged',
  ]);
});

reader('[RR2] wherever it was cut off, the whole steps before are read', ({ bytes }) => {
  let stepCount = 0;
  for (let length = 0; length < bytes.length; length += 1) {
    const reading = parseRecording(bytes.subarray(0, length));
    if (!reading.ok) {
      assert.match(reading.reason, /no recording|ends within/);
      assert.is(stepCount, 0);
      continue;
    }
    assert.is(reading.recording.end, 'killed');
    assert.ok(reading.recording.steps.length >= stepCount);
    stepCount = reading.recording.steps.length;
  }
  assert.is(stepCount, STEPS);
});

reader('[RR1] a newer version, another file and none at all are refused', ({ run, bytes }) => {
  const newer = Buffer.from(bytes);
  newer.writeInt32LE(2, FILE_HEADER.version * 4);
  assert.is(reasonOf(newer), 'its format is version 2; this program reads 1');
  assert.is(reasonOf(Buffer.from('a text of somebody about something else')), 'it is no recording');
  assert.is(reasonOf(Buffer.alloc(0)), 'it is no recording');
  assert.is(reasonOf(Buffer.concat([bytes, Buffer.alloc(4)])), 'it does not end as recordings end');
  const missing = readRecording(path.join(run.folder, 'missing'));
  assert.match(missing.ok ? '' : missing.reason, 'ENOENT');
});

reader.run();
