// O5 on registers: histories made by hand, of which somebody who thinks can tell the verdict.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkRegisters, explainRegister } from './linearizability.ts';
import type { RegisterAction, RegisterOperation } from './linearizability-register.ts';

/**
 * One line for each operation: `from to name action`, where `to` is `?` for an open one and `!` for a
 * refused one. Actions: `w x` writes, `r x` reads (`-` is nothing), `d` deletes, `cas x y` swaps and
 * `cas-failed x y` was answered that the register holds something else.
 */
function history(text: string): RegisterOperation[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [from, to, name, verb, ...values] = line.split(' ');
      return {
        name: name!,
        action: actionOf(verb!, values),
        invokedAt: Number(from),
        completedAt: to === '?' || to === '!' ? Infinity : Number(to),
        outcome: to === '?' ? 'unknown' : to === '!' ? 'refused' : 'ok',
      };
    });
}

function actionOf(verb: string, [first, second]: readonly string[]): RegisterAction {
  const value = (text: string | undefined): string | undefined => (text === '-' ? undefined : text);
  if (verb === 'w') return { kind: 'write', value: value(first) };
  if (verb === 'd') return { kind: 'write', value: undefined };
  if (verb === 'r') return { kind: 'read', value: value(first) };
  const hasSwapped = verb === 'cas';
  return { kind: 'compare-and-set', expected: value(first), value: value(second), hasSwapped };
}

const GOOD: Readonly<Record<string, string>> = {
  'nothing happened': '',
  'one after the other': `
    0 1 a w 1
    2 3 b r 1
    4 5 a w 2
    6 7 b r 2`,
  'a register begins with nothing': `
    0 1 a r -
    0 5 b w 1`,
  'a read that overlaps a write sees either': `
    0 9 a w 1
    1 2 b r -
    3 4 b r 1`,
  'reads of three values within one long write and two short ones': `
    0 20 a w 1
    1 4 b w 2
    2 19 c w 3
    5 6 d r 2
    7 8 d r 1
    9 10 d r 3`,
  'what ends when another begins overlaps it': `
    0 5 a w 1
    5 9 b r -`,
  'an unknown write that never took effect': `
    0 ? a w 1
    9 10 b r -
    11 12 b r -`,
  'an unknown write that took effect late': `
    0 ? a w 1
    5 6 b w 2
    7 8 b r 2
    20 21 c r 1
    30 31 c r 1`,
  'an unknown delete that took effect late': `
    0 1 a w 1
    2 ? a d
    5 6 b r 1
    7 8 b r -`,
  'two open deletes, one between each pair of reads': `
    0 ? a d
    0 ? b d
    1 2 c w 1
    3 4 c r -
    5 6 c w 2
    7 8 c r -`,
  'a refused write has no place': `
    0 1 a w 1
    2 ! b w 2
    3 4 c r 1`,
  'one of two swaps of one value succeeds': `
    0 1 a w 1
    2 9 b cas 1 2
    2 9 c cas-failed 1 3
    10 11 a r 2`,
  'a chain of swaps within one interval, the last first by name': `
    0 1 a w 0
    2 9 d cas 2 3
    2 9 c cas 1 2
    2 9 b cas 0 1
    10 11 a r 3`,
  'an unknown swap explains a failed one': `
    0 1 a w 1
    2 ? b cas 1 2
    3 4 c cas-failed 1 5
    5 6 a r 2`,
  'an unknown write that nobody read explains a failed swap': `
    0 1 a w 1
    2 ? b w 2
    3 4 c cas-failed 1 5
    5 6 d w 6
    7 8 a r 6`,
  'a swap from nothing creates': `
    0 1 a cas - 1
    2 3 b d
    4 5 b cas - 2
    6 7 a r 2`,
  'one value written twice': `
    0 1 a w 1
    2 3 b w 2
    2 ? a w 1
    4 5 c r 2
    6 7 c r 1`,
};

const BAD: Readonly<Record<string, string>> = {
  'a stale read': `
    0 1 a w 1
    2 3 a w 2
    4 5 b r 1`,
  'a read before the write began': `
    0 1 b r 1
    2 3 a w 1`,
  'a lost write': `
    0 1 a w 1
    2 3 b r -`,
  'a lost update: both swapped the same value': `
    0 1 a w 1
    2 9 b cas 1 2
    2 9 c cas 1 3
    10 11 a r 3`,
  'reads that go back, by one client': `
    0 9 a w 1
    1 2 b r 1
    3 4 b r -`,
  'reads that go back, across clients': `
    0 1 a w 1
    2 20 a w 2
    3 4 b r 2
    5 6 c r 1`,
  'two readers see two writes in two orders': `
    0 9 a w 1
    0 9 b w 2
    10 20 c r 1
    10 11 d r 2
    12 13 d r 1
    21 22 e r 2`,
  'an open write seen and then unseen': `
    0 1 a w 1
    2 ? b w 2
    3 4 c r 2
    5 6 c r 1`,
  'an open write seen twice, with another in between': `
    0 ? a w 1
    1 2 b r 1
    3 4 b w 2
    5 6 b r 2
    7 8 b r 1`,
  'an open write seen before it began': `
    5 ? a w 1
    1 2 b r 1`,
  'a refused write that was seen': `
    0 ! a w 1
    2 3 b r 1`,
  'a value that nobody wrote': `
    0 1 a w 1
    2 3 b r 7`,
  'a delete that did not last': `
    0 1 a w 1
    2 3 a d
    4 5 b r 1`,
  'one open delete does not serve two': `
    0 ? a d
    1 2 c w 1
    3 4 c r -
    5 6 c w 2
    7 8 c r -`,
  'a failed swap though the value was there all the time': `
    0 1 a w 1
    2 3 b cas-failed 1 2
    4 5 a r 1`,
  'a swap of a value that had gone': `
    0 1 a w 1
    2 3 a w 2
    4 5 b cas 1 3`,
  'one applied twice, written once': `
    0 1 a w 1
    2 3 b w 2
    4 5 c r 2
    6 7 c r 1`,
};

for (const [name, text] of Object.entries(GOOD)) {
  test(`[O5] linearizable: ${name}`, () => {
    assert.is(explainRegister(history(text)), undefined);
  });
}

for (const [name, text] of Object.entries(BAD)) {
  test(`[O5] not linearizable: ${name}`, () => {
    assert.type(explainRegister(history(text)), 'string');
  });
}

test('[O5] a violation names the key, the operation that has no place, and the order before it', () => {
  const good = history(GOOD['one after the other']!);
  const bad = history(`
    0 1 a w 1
    2 3 b w 2
    4 5 c r 1
    6 7 c r 9`);
  const violations = checkRegisters(
    new Map([
      ['1/x', good],
      ['1/y', bad],
    ]),
  );
  assert.equal(violations, [
    {
      key: '1/y',
      text:
        'no order is left when c read "1" [4.00, 5.00] ends; the one before it, of 2 operations, ' +
        'is a wrote "1" [0.00, 1.00], b wrote "2" [2.00, 3.00] and leaves "2"',
    },
  ]);
});

test('[O5] keys are judged apart: two registers, each of them in order', () => {
  const first = history('0 1 a w 1\n4 5 b r 1');
  const second = history('0 1 a w 2\n4 5 b r 2');
  const byKey = new Map([
    ['1/x', first],
    ['1/y', second],
  ]);
  assert.equal(checkRegisters(byKey), []);
  assert.type(explainRegister([...first, ...second]), 'string', 'as one register they are not');
});

test('[O5] a search that is too wide says that it does not know', () => {
  assert.match(explainRegister(history(BAD['a stale read']!), 0)!, 'undecided');
});

test.run();
