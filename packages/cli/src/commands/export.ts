import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { CONNECTION_OPTIONS, flag, UsageError, type Call, type Command } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { levelDefinition, levelOption } from '../level-option.ts';
import { attempt, bucketOf, withSession } from '../session.ts';
import { exportRecords } from '../transfer/export-run.ts';
import { grouped, Progress, ProgressLine } from '../transfer/progress.ts';

/** Of one page, the SDK's retries included. */
const TIMEOUT_MS = 20_000;

export const exportCommand: Command = {
  name: 'export',
  usage: '[FILE]',
  summary: 'write every record as NDJSON (to a file, or to standard output)',
  positionalsMin: 0,
  positionalsMax: 1,
  options: {
    bucket: { type: 'string', value: 'NAME', help: 'default: "default"' },
    r: levelDefinition('replicas that must answer'),
    force: { type: 'boolean', help: 'replace FILE if it exists' },
    ...CONNECTION_OPTIONS,
  },
  notes: [
    'One record a line, as import reads them, in the order of the ring: to compare, sort.',
    'FILE is written as FILE.part and gets its name when the export is complete. An export that is',
    'not (too few replicas answered for some partition) says so: exit code 1.',
    'Through npm, to standard output: npm run --silent clockwise -- export',
  ],
  run,
};

interface Destination {
  readonly write: (text: string) => Promise<void>;
  /** Returns the name under which the records are now. */
  readonly close: (isComplete: boolean) => Promise<string>;
}

async function run(call: Call): Promise<ExitCode> {
  const level = levelOption(call, 'r');
  const destination = destinationOf(call);
  return withSession(call, { timeoutMs: TIMEOUT_MS }, async ({ database, found }) => {
    const { terminal } = call;
    const now = (): number => performance.now();
    const progress = new Progress(now());
    const shown = new ProgressLine(progress, terminal, now);
    const what = { kind: 'read', what: 'export', readBack: undefined } as const;
    let isComplete = false;
    let name = '';
    try {
      const scan = bucketOf(call, database).scan(level === undefined ? {} : { r: level });
      isComplete = await attempt(found, what, () =>
        exportRecords(scan, progress, destination.write),
      );
    } finally {
      shown.stop();
      name = await destination.close(isComplete);
    }
    const seconds = progress.elapsedSeconds(now()).toFixed(1);
    terminal.printError(`${grouped(progress.recordCount)} records to ${name} in ${seconds} s`);
    if (isComplete) return EXIT.ok;
    terminal.printError(
      'The export is incomplete: of some partition fewer replicas answered than were asked for. ' +
        `Next: ${found.self('status')}`,
    );
    return EXIT.negative;
  });
}

function destinationOf(call: Call): Destination {
  const [file] = call.positionals;
  const { terminal } = call;
  if (file === undefined || file === '-') {
    return { write: (text) => terminal.write(text), close: async () => 'standard output' };
  }
  const target = path.resolve(terminal.folder, file);
  if (existsSync(target) && !flag(call, 'force')) {
    throw new UsageError(`${file} exists; --force replaces it`);
  }
  return fileDestination(target);
}

function fileDestination(target: string): Destination {
  const part = `${target}.part`;
  const stream = createWriteStream(part);
  const failed = new Promise<never>((_resolve, reject) => {
    stream.once('error', (error) => {
      reject(new UsageError(`${part} cannot be written: ${error.message}`));
    });
  });
  // It is awaited only while something is being written.
  failed.catch(() => undefined);
  return {
    write: async (text) => {
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), failed]);
    },
    close: async (isComplete) => {
      stream.end();
      await Promise.race([finished(stream), failed]);
      if (!isComplete) return part;
      renameSync(part, target);
      return target;
    },
  };
}
