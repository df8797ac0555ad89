import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlSyntaxError, stanzasOf, textLines, type Stanza } from './control-stanzas.ts';
import { PackageRecords } from './package-records.ts';

const DUMP = [
  'Package: tool',
  'Version: 1:2.0-3',
  'Architecture: amd64',
  'Description: does things: well',
  ' in two lines,',
  ' .',
  '\tand a tab',
  'Tag:  two blanks',
  'Empty:',
  '',
  '',
  'Package: été',
  'Version: 1',
  'Architecture: all',
].join('\n');

async function* pieces(text: string, size: number): AsyncGenerator<string, void, void> {
  for (let from = 0; from < text.length; from += size) yield text.slice(from, from + size);
}

async function read(text: string, size = 4096): Promise<Stanza[]> {
  const stanzas: Stanza[] = [];
  for await (const stanza of stanzasOf(textLines(pieces(text, size)))) stanzas.push(stanza);
  return stanzas;
}

test('[CT1] fields keep their names, their order and all of their lines', async () => {
  const [tool, other] = await read(DUMP);
  assert.equal(tool, [
    ['Package', 'tool'],
    ['Version', '1:2.0-3'],
    ['Architecture', 'amd64'],
    ['Description', 'does things: well\n in two lines,\n .\n\tand a tab'],
    ['Tag', ' two blanks'],
    ['Empty', ''],
  ]);
  assert.equal(other?.[0], ['Package', 'été']);
});

test('[CT2] stanzas are the same, whatever the chunks', async () => {
  const whole = await read(DUMP);
  for (let size = 1; size < 40; size += 1) assert.equal(await read(DUMP, size), whole);
});

test('what is no control format is refused with its line', async () => {
  for (const text of ['no field', ' continues nothing', ': no name', 'A: 1\nA: 2']) {
    try {
      await read(text);
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, ControlSyntaxError);
      assert.match((error as Error).message, /line \d/);
    }
  }
});

test('[PK1] a name that comes again gets version, then architecture; a repetition is counted', () => {
  const records = new PackageRecords();
  const add = (version: string, architecture: string): string | undefined => {
    const line = records.lineOf([
      ['Package', 'p'],
      ['Version', version],
      ['Architecture', architecture],
    ]);
    return line === undefined ? undefined : (JSON.parse(line) as { key: string }).key;
  };
  assert.is(add('1', 'amd64'), 'p');
  assert.is(add('2', 'amd64'), 'p=2');
  assert.is(add('2', 'arm64'), 'p:arm64=2');
  assert.is(add('2', 'arm64'), undefined);
  assert.is(records.recordCount, 3);
  assert.is(records.duplicateCount, 1);
});

test('[PK2] a line is what JSON.stringify prints of it', async () => {
  const records = new PackageRecords();
  for (const stanza of await read(DUMP)) {
    const line = records.lineOf(stanza) ?? '';
    assert.is(line, JSON.stringify(JSON.parse(line)));
    assert.equal(Object.entries((JSON.parse(line) as { value: object }).value), stanza);
  }
});

test.run();
