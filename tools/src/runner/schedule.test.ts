import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TestFile } from './discover.ts';
import { schedule } from './schedule.ts';

function file(name: string, alone: boolean): TestFile {
  return {
    name,
    compiled: name,
    alone,
    full: false,
    fileMs: 1,
    testMs: 1,
    propertySeed: undefined,
  };
}

test('files that ask to be alone run after the others, one at a time', async () => {
  const files = [
    file('a', true),
    file('b', false),
    file('c', false),
    file('d', true),
    file('e', false),
  ];
  const running = new Set<string>();
  const seen: string[] = [];
  await schedule(files, 2, async ({ name }) => {
    running.add(name);
    seen.push([...running].join('+'));
    await new Promise((resolve) => setImmediate(resolve));
    running.delete(name);
  });
  assert.equal(seen.slice(-2), ['a', 'd']);
  assert.is(seen.length, 5);
  assert.ok(seen.every((names) => names.split('+').length <= 2));
  assert.ok(seen.includes('b+c'));
});

test.run();
