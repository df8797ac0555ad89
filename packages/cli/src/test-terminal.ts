/** A terminal in memory, for tests: what was said is kept, what comes in is given. */
import { paintFor } from './style.ts';
import type { Terminal } from './terminal.ts';

export interface TestTerminal extends Terminal {
  readonly out: string[];
  readonly errors: string[];
}

export interface TestTerminalOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: readonly Uint8Array[];
  readonly folder?: string;
}

export function testTerminal(options: TestTerminalOptions = {}): TestTerminal {
  const out: string[] = [];
  const errors: string[] = [];
  const paint = paintFor(false, {});
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    out.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'));
  };
  return {
    out,
    errors,
    environment: options.environment ?? {},
    folder: options.folder ?? '/',
    input: chunksOf(options.input ?? []),
    outIsTerminal: false,
    errorIsTerminal: false,
    paint,
    paintError: paint,
    write,
    print: (line) => write(`${line}\n`),
    printError: (line) => void errors.push(line),
    writeError: (text) => void errors.push(text),
  };
}

export async function* chunksOf<Chunk>(
  chunks: readonly Chunk[],
): AsyncGenerator<Chunk, void, void> {
  for (const chunk of chunks) yield chunk;
}
