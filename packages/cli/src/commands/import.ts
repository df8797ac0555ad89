import { createReadStream } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  integerOption,
  OUTPUT_OPTION,
  UsageError,
  type Call,
  type Command,
} from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { failureLine } from '../error-line.ts';
import type { SelfCommand } from '../self-command.ts';
import { bucketOf, withSession } from '../session.ts';
import { clean } from '../text-table.ts';
import {
  importLines,
  type ImportFailure,
  type ImportSummary,
  type ImportWorld,
} from '../transfer/import-run.ts';
import { linesOf } from '../transfer/lines.ts';
import { grouped, Progress, ProgressLine } from '../transfer/progress.ts';
import { levelDefinition, levelOption } from '../level-option.ts';

const IN_FLIGHT_DEFAULT = 256;
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
/** Far above what any value may have. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
/** Of one operation, the SDK's retries included: as long as the cluster remembers its id. */
const TIMEOUT_MS = 20_000;
const PATIENCE_MS = 60_000;
const PAUSE_MS = 250;
const FAILURES_LISTED_MAX = 100;

const now = (): number => performance.now();

const WORLD: ImportWorld = {
  now,
  nowSeconds: () => Math.floor(Date.now() / 1000),
  sleep: (milliseconds) => sleep(milliseconds),
};

export const importCommand: Command = {
  name: 'import',
  usage: '[FILE]',
  summary: 'load records from NDJSON (a file, or standard input)',
  positionalsMin: 0,
  positionalsMax: 1,
  options: {
    bucket: { type: 'string', value: 'NAME', help: 'default: "default"' },
    w: levelDefinition('replicas that must acknowledge'),
    'in-flight': {
      type: 'string',
      value: 'N',
      help: `records under way at once (default ${IN_FLIGHT_DEFAULT})`,
    },
    ...OUTPUT_OPTION,
    ...CONNECTION_OPTIONS,
  },
  notes: [
    'One record a line: {"key":"k","value":V}, V any JSON; {"key":"k","bytes":"BASE64"} for bytes.',
    'Later lines of a key win. What JSON.stringify would print is exported again byte for byte; other',
    'spellings (blanks, 1.0 for 1) are stored with the same meaning and counted. A record that the',
    'cluster refuses, say for its size, is reported with line and key, and the rest is loaded: exit',
    'code 1. Importing the same file again is harmless.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const format = choiceOption(call, 'output', ['table', 'json']);
  const inFlightMax = integerOption(call, 'in-flight', { min: 1, max: 4096 }) ?? IN_FLIGHT_DEFAULT;
  const level = levelOption(call, 'w');
  const source = sourceOf(call);
  return withSession(call, { timeoutMs: TIMEOUT_MS }, async ({ database, found }) => {
    const bucket = bucketOf(call, database);
    const progress = new Progress(WORLD.now());
    const shown = new ProgressLine(progress, call.terminal, now);
    const failures: ImportFailure[] = [];
    let summary: ImportSummary;
    try {
      summary = await importLines(linesOf(source, LINE_BYTES_MAX), {
        target: {
          put: (key, value, options) =>
            bucket.put(key, value, level === undefined ? options : { ...options, w: level }),
        },
        limits: {
          inFlightMax,
          inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
          patienceMs: PATIENCE_MS,
          pauseMs: PAUSE_MS,
        },
        world: WORLD,
        progress,
        report: (failure) => {
          if (failures.length < FAILURES_LISTED_MAX) failures.push(failure);
          shown.say(failureText(failure));
        },
      });
    } finally {
      shown.stop();
    }
    await printSummary(call, format, { progress, failures, summary });
    return exitCodeOf(call, progress, summary, found.self);
  });
}

function sourceOf(call: Call): AsyncIterable<Uint8Array> {
  const [file] = call.positionals;
  if (file === undefined || file === '-') return call.terminal.input;
  return fileChunks(path.resolve(call.terminal.folder, file));
}

async function* fileChunks(file: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Uint8Array;
  } catch (error) {
    throw new UsageError(`the file cannot be read: ${(error as Error).message}`);
  }
}

function failureText({ lineNumber, key, reason }: ImportFailure): string {
  const what = key === undefined ? '' : `, key ${JSON.stringify(key)}`;
  return clean(`line ${lineNumber}${what}: not loaded: ${reason}`);
}

interface Outcome {
  readonly progress: Progress;
  readonly failures: readonly ImportFailure[];
  readonly summary: ImportSummary;
}

async function printSummary(
  call: Call,
  format: 'table' | 'json',
  { progress, failures, summary }: Outcome,
): Promise<void> {
  const { recordCount, byteCount, errorCount } = progress;
  const { respelledCount, expiredCount, aborted } = summary;
  const at = now();
  const seconds = progress.elapsedSeconds(at);
  const recordsPerSecond = Math.round(progress.averageRate(at));
  if (format === 'json') {
    const counts = { records: recordCount, bytes: byteCount, failed: errorCount };
    const more = { respelled: respelledCount, expired: expiredCount, seconds, recordsPerSecond };
    const ended = aborted === undefined ? null : { line: aborted.lineNumber };
    const json = { ...counts, ...more, complete: aborted === undefined, ended, failures };
    await call.terminal.print(JSON.stringify(json));
    return;
  }
  const parts = [
    `${grouped(recordCount)} records loaded (${(byteCount / 1e6).toFixed(1)} MB)`,
    `in ${seconds.toFixed(1)} s, ${grouped(recordsPerSecond)} records/s`,
  ];
  await call.terminal.print(parts.join(' '));
  const notes = [
    [errorCount, 'not loaded: see the lines above'],
    [respelledCount, 'stored with another spelling than in the file (they were no canonical JSON)'],
    [expiredCount, 'had expired before and were left out'],
  ] as const;
  for (const [count, text] of notes) {
    if (count > 0) await call.terminal.print(`${grouped(count)} ${text}`);
  }
}

function exitCodeOf(
  call: Call,
  progress: Progress,
  { aborted }: ImportSummary,
  self: SelfCommand,
): ExitCode {
  if (aborted === undefined) return progress.errorCount === 0 ? EXIT.ok : EXIT.negative;
  const what = `the import ended at line ${aborted.lineNumber}`;
  const attempt = { kind: 'write', what, readBack: undefined } as const;
  const { line, exitCode } = failureLine(aborted.error, attempt, self);
  call.terminal.printError(`${line} (then import again: what is loaded already does no harm)`);
  return exitCode;
}
