/** Runs the load generator in a process of its own; a load of which an operation fails is no figure. */
import { fileURLToPath } from 'node:url';
import { runProgram } from './child.ts';
import type { LoadOptions, LoadResult } from './generator.ts';

export async function runGenerator(options: LoadOptions): Promise<LoadResult> {
  const result = await tryGenerator(options);
  if (result.failed > 0) {
    throw new Error(
      `${result.failed} operations failed, the last with status ${result.lastFailure}`,
    );
  }
  if (result.notFound > 0) throw new Error(`${result.notFound} keys were not found`);
  return result;
}

/** The same, whatever failed. */
export async function tryGenerator(options: LoadOptions): Promise<LoadResult> {
  const program = fileURLToPath(new URL('./generator.js', import.meta.url));
  return JSON.parse(
    await runProgram(process.execPath, [program, JSON.stringify(options)]),
  ) as LoadResult;
}
