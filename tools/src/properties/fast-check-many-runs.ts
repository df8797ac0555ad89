// fast-check as the tests see it in `npm run properties`: `assert` asks each property as often as it
// is asked in `npm test`, again and again, with a fresh seed every time. A longer single run would not
// be the same: fast-check draws larger values the later in a run they are drawn.
import process from 'node:process';
import fc from 'fast-check';
import { factorAsked } from './factor.ts';

const RUNS_DEFAULT = 100;
const factor = factorAsked();

const assert: typeof fc.assert = (<T>(
  property: fc.IAsyncProperty<T>,
  parameters: fc.Parameters<T> = {},
): unknown => {
  const { seed: _fixed, ...others } = parameters;
  const runs = factor * (parameters.numRuns ?? RUNS_DEFAULT);
  const tell = (): void => void process.stdout.write(`(${runs} runs) `);
  const ask = (): unknown => fc.assert(property, others);
  if (property.isAsync()) return manyTimesAwaited(ask).then(tell);
  for (let count = 0; count < factor; count += 1) void ask();
  tell();
  return undefined;
}) as typeof fc.assert;

async function manyTimesAwaited(ask: () => unknown): Promise<void> {
  for (let count = 0; count < factor; count += 1) await ask();
}

const fastCheck: typeof fc = { ...fc, assert };
export default fastCheck;
