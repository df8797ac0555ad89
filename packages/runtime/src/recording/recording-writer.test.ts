import { mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesWithoutSteps, END_REASON } from './recording-format.ts';
import { readRecording } from './recording-reader.ts';
import { RecordingWriter } from './recording-writer.ts';
import { encodeValue } from './value-codec.ts';
import { WordBuffer } from './word-buffer.ts';

const writer = suite<{ folder: string; file: string; ended: string[] }>('recording writer');
writer.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-recording-'));
  context.file = path.join(context.folder, 'actor-1.recording');
  context.ended = [];
});
writer.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function payload(wordCount: number): WordBuffer {
  const buffer = new WordBuffer();
  for (let word = 0; word < wordCount; word += 1) buffer.push(word);
  return buffer;
}

writer('[RW1] the file never grows beyond its bound, to the byte', ({ folder }) => {
  const setup = encodeValue('setup');
  const sizes = new Set<number>();
  for (let bytesMax = bytesWithoutSteps(setup); bytesMax < 400; bytesMax += 4) {
    const file = path.join(folder, `bound-${bytesMax}`);
    const ended: string[] = [];
    const one = new RecordingWriter({ file, bytesMax, setup, ended: (why) => ended.push(why) });
    let number = 0;
    while (one.isOpen) one.step((number += 1), payload(10));
    one.step(number + 1, payload(10));
    one.close(END_REASON.stopped);
    assert.equal(ended, [`its bound of ${bytesMax} bytes is reached`]);
    const { size } = statSync(file);
    sizes.add(size);
    assert.ok(size <= bytesMax, `${size} bytes of ${bytesMax}`);
    const reading = readRecording(file);
    if (!reading.ok) throw new Error(reading.reason);
    assert.is(reading.recording.end, 'bound');
    assert.is(reading.recording.steps.length, Math.max(0, number - 1));
  }
  assert.ok(sizes.size > 3);
});

writer('what is gathered is written soon, and at the end', async ({ file, ended }) => {
  const setup = encodeValue(null);
  const one = new RecordingWriter({ file, bytesMax: 1e6, setup, ended: (why) => ended.push(why) });
  one.step(1, payload(3));
  const before = readRecording(file);
  assert.is(before.ok && before.recording.steps.length, 0);
  const { size } = statSync(file);
  while (statSync(file).size === size) await new Promise((turn) => setTimeout(turn, 20));
  const soon = readRecording(file);
  assert.is(soon.ok && soon.recording.end, 'killed');
  assert.is(soon.ok && soon.recording.steps.length, 1);
  one.step(2, payload(3));
  one.close(END_REASON.stopped);
  one.step(3, payload(3));
  const after = readRecording(file);
  assert.is(after.ok && after.recording.end, 'stopped');
  assert.is(after.ok && after.recording.steps.length, 2);
  assert.equal(ended, []);
});

writer('a file that is there is not overwritten', ({ file, ended }) => {
  const setup = encodeValue(1);
  const options = { file, bytesMax: 1e6, setup, ended: (why: string) => void ended.push(why) };
  const one = new RecordingWriter(options);
  one.step(1, payload(1));
  one.close(END_REASON.stopped);
  const { length } = readFileSync(file);
  assert.throws(() => new RecordingWriter(options), /EEXIST/);
  assert.is(readFileSync(file).length, length);
});

writer('[RW2] a disk that fails ends the recording, and nothing else', ({ file, ended }) => {
  let writeCount = 0;
  const one = new RecordingWriter({
    file,
    bytesMax: 1e7,
    setup: encodeValue(1),
    ended: (why) => ended.push(why),
    write: (descriptor, bytes, from, byteCount) => {
      writeCount += 1;
      if (writeCount > 3) throw new Error('ENOSPC: no space left');
      // As a disk that is nearly full.
      return writeSync(descriptor, bytes, from, Math.min(byteCount, 100_000));
    },
  });
  for (let number = 1; number <= 8; number += 1) one.step(number, payload(50_000));
  one.close(END_REASON.stopped);
  assert.is(one.isOpen, false);
  assert.equal(ended, ['it cannot be written: ENOSPC: no space left']);
  const reading = readRecording(file);
  assert.is(reading.ok && reading.recording.end, 'killed');
});

writer.run();
