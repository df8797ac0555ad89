/**
 * `npm run replay FILE`: runs an actor's core over a recording of it and says whether it does the
 * same, bit for bit. Exit code 0: it does; 1: it differs (the first step that does is
 * named); 2: the file cannot be replayed.
 */
import { performance } from 'node:perf_hooks';
import { unreachable } from '@clockwise/kernel/assert';
import type { Recording, RecordingEnd } from '@clockwise/runtime/recording/recording-reader';
import type { RecordedSetup } from './record-actor.ts';
import { replayRecording } from './replay-recording.ts';
import { VERSION } from './version.ts';

const EXIT = { equal: 0, differs: 1, refused: 2 } as const;

const ENDS: Readonly<Record<RecordingEnd, string>> = {
  stopped: 'its actor ended in order',
  bound: 'its bound was reached',
  threw: 'its last step threw',
  killed: 'its thread or process was killed',
};

function main(file: string | undefined): number {
  if (file === undefined || file.startsWith('-')) {
    process.stdout.write('npm run replay FILE: a recording that --record DIR has made\n');
    return file === undefined ? EXIT.refused : EXIT.equal;
  }
  const beganAt = performance.now();
  const replay = replayRecording(file);
  if (replay.kind === 'refused') {
    process.stdout.write(`${file} cannot be replayed: ${replay.reason}\n`);
    return EXIT.refused;
  }
  const { setup, recording, result } = replay;
  process.stdout.write(introduction(setup, recording));
  switch (result.kind) {
    case 'equal': {
      const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
      const { stepCount, frameCount } = result;
      process.stdout.write(
        `equal: ${stepCount} steps with ${frameCount} frames, replayed in ${seconds} s\n`,
      );
      return EXIT.equal;
    }
    case 'differs':
      process.stdout.write(`step ${result.step} differs:\n`);
      for (const reason of result.reasons) process.stdout.write(`  ${reason}\n`);
      return EXIT.differs;
    default:
      return unreachable(result);
  }
}

function introduction(setup: RecordedSetup, recording: Recording): string {
  const { actor, version, data, wallTimeMs } = setup;
  const { nodeId } = data.ring.nodes[data.ring.ownNode]!;
  const { steps, byteCount, end } = recording;
  const since = new Date(wallTimeMs).toISOString();
  const other = version === VERSION ? '' : `recorded by version ${version}; this is ${VERSION}\n`;
  const size = `${steps.length} steps, ${byteCount} bytes`;
  return `${actor} of ${nodeId} from ${since} on: ${size}; the recording ends where ${ENDS[end]}\n${other}`;
}

process.exitCode = main(process.argv[2]);
