/**
 * What a command sees of the world around it: where its words go, what comes in, where it stands.
 * One narrow interface, so that tests run commands without a process.
 */
import { once } from 'node:events';
import process from 'node:process';
import { paintFor, type Paint } from './style.ts';

export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the user stands: relative paths mean from there. */
  readonly folder: string;
  readonly input: AsyncIterable<Uint8Array>;
  readonly outIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  readonly paint: Paint;
  readonly paintError: Paint;
  /** To standard output, as it is; settles when more may be written. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** A line on standard output. */
  print(line: string): Promise<void>;
  /** A line on standard error. */
  printError(line: string): void;
  /** To standard error, as it is. */
  writeError(text: string): void;
}

export function processTerminal(): Terminal {
  const { env: environment, stdin, stdout, stderr } = process;
  // A reader that has seen enough (`| head`) is no failure; there is just nobody left to tell.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    if (!stdout.write(chunk)) await once(stdout, 'drain');
  };
  const outIsTerminal = stdout.isTTY;
  const errorIsTerminal = stderr.isTTY;
  return {
    environment,
    folder: environment['INIT_CWD'] ?? process.cwd(),
    input: stdin as AsyncIterable<Uint8Array>,
    outIsTerminal,
    errorIsTerminal,
    paint: paintFor(outIsTerminal, environment),
    paintError: paintFor(errorIsTerminal, environment),
    write,
    print: (line) => write(`${line}\n`),
    printError: (line) => void stderr.write(`${line}\n`),
    writeError: (text) => void stderr.write(text),
  };
}
