/**
 * What clients of real nodes saw: a history as the simulator's, with all that an answer of the SDK says
 * beside it. It is all that the judgement of real processes rests on.
 */
import type { GetResult } from '@clockwise/client';
import type { Dot } from '@clockwise/record/build';
import {
  contextDots,
  type FinalState,
  type ReadEntry,
  type WriteEntry,
} from '../../checkers/history.ts';

/** A live sibling of an answer. */
export interface SeenSibling {
  readonly value: string;
  readonly dot: Dot;
}

export interface ClientWrite extends WriteEntry {
  /** The context of the record that was made, its dot included; empty where there was no answer. */
  readonly answer: readonly Dot[];
  /** How often the request left the client. */
  readonly tries: number;
  /** The error's code; empty where there was none. */
  readonly code: string;
}

export interface ClientRead extends ReadEntry {
  readonly siblings: readonly SeenSibling[];
  readonly code: string;
}

export type ClientEntry = ClientWrite | ClientRead;

export interface ClientFinal extends FinalState {
  readonly siblings: readonly SeenSibling[];
}

export function isClientWrite(entry: ClientEntry): entry is ClientWrite {
  return entry.kind !== 'get';
}

export function siblingsOf(result: GetResult): SeenSibling[] {
  const living = result.siblings.filter((sibling) => !sibling.isTombstone);
  return living.map(({ dot }, index) => {
    const value = result.values[index];
    // Workloads put text; whatever else came back is shown as it would be on the wire.
    return { value: typeof value === 'string' ? value : JSON.stringify(value), dot: dotOf(dot) };
  });
}

export function dotsOf(context: { readonly words: readonly number[] }): Dot[] {
  return contextDots(Int32Array.from(context.words));
}

/** As the SDK writes dots: sixteen hexadecimal digits, a colon, the counter. */
function dotOf(text: string): Dot {
  const [incarnation, counter] = text.split(':') as [string, string];
  return { incarnation: BigInt(`0x${incarnation}`), counter: BigInt(counter) };
}
