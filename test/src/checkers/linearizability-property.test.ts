// O5 against histories whose verdict is known by how they were made, and against brute force.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { checkRegisters, explainRegister } from './linearizability.ts';
import type {
  RegisterAction,
  RegisterOperation,
  RegisterValue,
} from './linearizability-register.ts';

interface Shape {
  readonly operationCount: number;
  /** Operations that overlap, about. */
  readonly overlap: number;
  readonly openProbability: number;
  readonly refusedProbability: number;
  /** Otherwise values are written once. */
  readonly repeatsValues: boolean;
}

/** An execution, one operation after the other at 1, 2, 3...; each gets an interval around its instant. */
function execute(prng: Prng, shape: Shape): RegisterOperation[] {
  let held: RegisterValue;
  return Array.from({ length: shape.operationCount }, (_, index) => {
    const instant = index + 1;
    const action = drawAction(prng, held, shape.repeatsValues ? `${prng.below(3)}` : `v${index}`);
    const outcome = drawOutcome(prng, shape);
    const isDone = outcome === 'ok' || (outcome === 'unknown' && prng.chance(0.5));
    const writes = action.kind === 'write' || (action.kind !== 'read' && action.hasSwapped);
    if (isDone && writes) held = action.value;
    return {
      name: `${index}`,
      action,
      invokedAt: instant - prng.exponential(shape.overlap / 2),
      completedAt: outcome === 'ok' ? instant + prng.exponential(shape.overlap / 2) : Infinity,
      outcome,
    };
  });
}

function drawAction(prng: Prng, held: RegisterValue, value: string): RegisterAction {
  const draw = prng.unit();
  if (draw < 0.45) return { kind: 'read', value: held };
  if (draw < 0.75) return { kind: 'write', value };
  if (draw < 0.85) return { kind: 'write', value: undefined };
  const expected = prng.chance(0.6) ? held : 'elsewhere';
  return { kind: 'compare-and-set', expected, value, hasSwapped: expected === held };
}

function drawOutcome(prng: Prng, shape: Shape): RegisterOperation['outcome'] {
  if (prng.chance(shape.openProbability)) return 'unknown';
  return prng.chance(shape.refusedProbability) ? 'refused' : 'ok';
}

const SHAPES: readonly Shape[] = [
  {
    operationCount: 40,
    overlap: 3,
    openProbability: 0,
    refusedProbability: 0,
    repeatsValues: false,
  },
  {
    operationCount: 60,
    overlap: 8,
    openProbability: 0.1,
    refusedProbability: 0.05,
    repeatsValues: false,
  },
  {
    operationCount: 60,
    overlap: 8,
    openProbability: 0.2,
    refusedProbability: 0,
    repeatsValues: true,
  },
  {
    operationCount: 200,
    overlap: 20,
    openProbability: 0.05,
    refusedProbability: 0.05,
    repeatsValues: false,
  },
];

test('[LZ1] what an execution made is accepted, however its operations overlap', () => {
  for (let seed = 1; seed <= 120; seed += 1) {
    const prng = new Prng(`executions-${seed}`);
    const operations = execute(prng, SHAPES[seed % SHAPES.length]!);
    assert.is(explainRegister(operations), undefined, `seed ${seed}`);
  }
});

/** A read that returns what it cannot: of a value never written, or not begun when it ended. */
function mutate(prng: Prng, operations: readonly RegisterOperation[]): RegisterOperation[] {
  const reads = operations.flatMap(({ action, outcome }, index) =>
    action.kind === 'read' && outcome === 'ok' ? [index] : [],
  );
  const index = prng.pick(reads);
  const later = operations.filter(
    ({ action, invokedAt, outcome }) =>
      action.kind === 'write' &&
      action.value !== undefined &&
      (outcome === 'refused' || invokedAt > operations[index]!.completedAt),
  );
  const value =
    later.length > 0 && prng.chance(0.7) ? prng.pick(later).action.value : 'never written';
  return operations.with(index, { ...operations[index]!, action: { kind: 'read', value } });
}

test('[LZ2] a read of what had not begun, was refused or was never written is refused', () => {
  for (let seed = 1; seed <= 120; seed += 1) {
    const prng = new Prng(`mutations-${seed}`);
    const shape = { ...SHAPES[seed % SHAPES.length]!, repeatsValues: false };
    const operations = mutate(prng, execute(prng, shape));
    assert.match(explainRegister(operations) ?? '', 'no order is left', `seed ${seed}`);
  }
});

/** Every subset of what is open, in every order. */
function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const isRead = ({ action }: RegisterOperation): boolean => action.kind === 'read';
  const certain = operations.filter(({ outcome }) => outcome === 'ok');
  const open = operations.filter((one) => one.outcome === 'unknown' && !isRead(one));
  for (let subset = 0; subset < 1 << open.length; subset += 1) {
    const chosen = [...certain, ...open.filter((_, index) => ((subset >> index) & 1) === 1)];
    if (hasOrder(chosen, undefined)) return true;
  }
  return false;
}

function hasOrder(left: readonly RegisterOperation[], held: RegisterValue): boolean {
  if (left.length === 0) return true;
  return left.some((one, index) => {
    const rest = left.toSpliced(index, 1);
    const isFirst = rest.every(
      ({ outcome, completedAt }) => outcome !== 'ok' || completedAt >= one.invokedAt,
    );
    if (!isFirst) return false;
    const { action } = one;
    if (action.kind === 'read') return action.value === held && hasOrder(rest, held);
    if (action.kind === 'write') return hasOrder(rest, action.value);
    const isOpen = one.outcome === 'unknown';
    if (!action.hasSwapped && !isOpen) return action.expected !== held && hasOrder(rest, held);
    return action.expected === held && hasOrder(rest, action.value);
  });
}

function anyHistory(prng: Prng): RegisterOperation[] {
  const values = [undefined, 'x', 'y'];
  return Array.from({ length: prng.between(2, 6) }, (_, index) => {
    const invokedAt = prng.below(10);
    const value = prng.pick(values);
    const draw = prng.unit();
    const action: RegisterAction =
      draw < 0.45
        ? { kind: 'read', value }
        : draw < 0.75
          ? { kind: 'write', value }
          : {
              kind: 'compare-and-set',
              expected: prng.pick(values),
              value,
              hasSwapped: prng.chance(0.6),
            };
    const outcome = prng.chance(0.2) ? 'unknown' : prng.chance(0.05) ? 'refused' : 'ok';
    const completedAt = outcome === 'ok' ? invokedAt + prng.below(6) : Infinity;
    return { name: `${index}`, action, invokedAt, completedAt, outcome };
  });
}

test('[LZ1] [LZ2] the verdict is that of brute force', () => {
  const counts = { good: 0, bad: 0 };
  for (let seed = 1; seed <= 6000; seed += 1) {
    const operations = anyHistory(new Prng(`small-${seed}`));
    const expected = isLinearizable(operations);
    counts[expected ? 'good' : 'bad'] += 1;
    const text = explainRegister(operations);
    assert.not.match(text ?? '', 'undecided', `seed ${seed}`);
    assert.is(text === undefined, expected, `seed ${seed}: ${JSON.stringify(operations)}`);
  }
  assert.ok(counts.good > 1000 && counts.bad > 1000, JSON.stringify(counts));
});

// On a shared machine of two cores: 100 keys 40 ms, one key with all 10,000 operations 130 ms.
test('[O5] 10,000 operations on 100 keys', () => {
  const shape: Shape = {
    operationCount: 100,
    overlap: 12,
    openProbability: 0.05,
    refusedProbability: 0.02,
    repeatsValues: false,
  };
  const byKey = new Map<string, RegisterOperation[]>();
  for (let key = 0; key < 100; key += 1) {
    byKey.set(`key-${key}`, execute(new Prng(`large-${key}`), shape));
  }
  const begunAt = performance.now();
  assert.equal(checkRegisters(byKey), []);
  const middle = performance.now();
  const one = execute(new Prng('one'), { ...shape, operationCount: 10_000 });
  const afterMaking = performance.now();
  assert.is(explainRegister(one), undefined);
  const milliseconds = (from: number, to: number): string => `${(to - from).toFixed(0)} ms`;
  const times = `100 keys ${milliseconds(begunAt, middle)}, one key ${milliseconds(afterMaking, performance.now())}`;
  process.stdout.write(`10,000 operations: ${times}\n`);
});

test.run();
