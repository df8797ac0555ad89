// How the command tells the test's process how many times each property is asked.
import process from 'node:process';

export const FACTOR_VARIABLE = 'CLOCKWISE_PROPERTY_FACTOR';

export function factorAsked(): number {
  const factor = Number(process.env[FACTOR_VARIABLE]);
  if (!Number.isInteger(factor) || factor < 1) throw new Error(`${FACTOR_VARIABLE} is no number`);
  return factor;
}
