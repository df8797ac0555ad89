import { statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeStep } from './recorded-step.ts';
import { readRecording, type Recording } from './recording-reader.ts';
import { ReplayShardMemory, replaySteps, type ReplayResult } from './replay.ts';
import { recordToy, ToyCore, type ToyOptions, type ToyRun } from './toy-recording.ts';

const CHUNK_BYTES = 64 * 1024;
const STEPS = 200;

const recordings = suite<{ runs: ToyRun[] }>('recordings');
recordings.before.each((context) => {
  context.runs = [];
});
recordings.after.each(({ runs }) => {
  for (const run of runs) run.remove();
});

function read(file: string): Recording {
  const reading = readRecording(file);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.recording;
}

function replay(recording: Recording, change: Partial<ToyOptions> = {}): ReplayResult {
  const shards = [new ReplayShardMemory(CHUNK_BYTES)];
  const chunks = [new Int32Array(CHUNK_BYTES)];
  const core = new ToyCore({ shards, chunks, ...change });
  return replaySteps({ core, steps: recording.steps, shards, chunks });
}

recordings('[TO1] [TO2] [RC1] [RL2] the same core does the same, over any memory', (context) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const run = recordToy(`toy/${seed}`, STEPS);
    context.runs.push(run);
    const recording = read(run.file);
    assert.is(recording.end, 'stopped');
    assert.equal(recording.setup, { seed: `toy/${seed}` });
    const result = replay(recording);
    assert.is(result.kind, 'equal', `seed ${seed}: ${JSON.stringify(result)}`);
    assert.is(result.kind === 'equal' && result.stepCount, STEPS);
  }
});

/** By change: what the replay says of it. */
const CHANGES: readonly (readonly [NonNullable<ToyOptions['change']>, RegExp])[] = [
  ['operation', /^the content of \d+ operations to (connection 3|channel \d, lane (now|durable))$/],
  ['effect', /^the content of its \d effects$/],
  ['append', /^the content of its 1 appends to the log$/],
  ['published', /^other published words are read$/],
  ['state', /^the hash of the core's state$/],
  [
    'silence',
    /^nothing to (connection 3|channel \d, lane (now|durable)), recorded \d+ operations$/,
  ],
  ['throw', /^the replayed step threw: Error: a new fault$/],
];

recordings('[RL1] a core that does another thing is found out, at that step', (context) => {
  const run = recordToy('changed', STEPS);
  context.runs.push(run);
  const recording = read(run.file);
  for (const [change, reason] of CHANGES) {
    const result = replay(recording, { change, changedFrom: 100 });
    if (result.kind !== 'differs') throw new Error(`${change} is not seen`);
    assert.ok(result.step >= 100 && result.step < 110, `${change} is seen in step ${result.step}`);
    assert.match(result.reasons[0]!, reason);
  }
});

recordings('an input with one bit changed is seen, in that step', (context) => {
  const run = recordToy('input', 30);
  context.runs.push(run);
  const recording = read(run.file);
  let changedCount = 0;
  recording.steps.forEach((payload, index) => {
    const step = decodeStep(payload);
    // The last word of a frame is one that the toy sends on.
    const frame = step.frames.find(({ words }) => words.length > 2);
    if (frame === undefined || !step.output.sinks.some((sink) => sink.operationCount > 0)) return;
    changedCount += 1;
    const at = (frame.words.byteOffset - payload.byteOffset) / 4 + frame.words.length - 1;
    const changed = payload.slice();
    changed[at]! ^= 1 << 20;
    const steps = recording.steps.with(index, changed);
    const result = replay({ ...recording, steps });
    // Refused operations send nothing on: then the toy's state tells, or nothing does.
    if (result.kind === 'differs') assert.is(result.step, index + 1);
    else changedCount -= 1;
  });
  assert.ok(changedCount > 5, `${changedCount} steps`);
});

recordings('[RC2] a step that throws is recorded, and throws again', (context) => {
  const lastEvents = [{ kind: 'malformed', connection: 1, reason: 'no frame' }] as const;
  const run = recordToy('throws', 30, { lastEvents });
  context.runs.push(run);
  assert.match(String(run.thrown), 'bad: no frame');
  const recording = read(run.file);
  assert.is(recording.end, 'threw');
  assert.is(recording.steps.length, 30);
  assert.is(replay(recording).kind, 'equal');
});

recordings('[RC3] [RW1] at its bound the recording ends and the core goes on', (context) => {
  const bytesMax = 8192;
  const run = recordToy('bound', STEPS, { bytesMax });
  context.runs.push(run);
  assert.ok(statSync(run.file).size <= bytesMax);
  assert.equal(run.ended, ['its bound of 8192 bytes is reached']);
  const recording = read(run.file);
  assert.is(recording.end, 'bound');
  assert.ok(recording.steps.length > 5 && recording.steps.length < STEPS);
  assert.is(replay(recording).kind, 'equal');
});

recordings.run();
