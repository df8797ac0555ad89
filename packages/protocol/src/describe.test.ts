import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GENERATED_BEGIN, GENERATED_END, describeProtocol, refreshPage } from './describe.ts';

const PAGE = new URL('../../../docs/internals/protocol.md', import.meta.url);

test('[DP1] docs/internals/protocol.md says what the declarations say', () => {
  const page = readFileSync(PAGE, 'utf8');
  assert.is(refreshPage(page), page, 'run: node test/dist/protocol-table.js');
});

test('[DP1] a page keeps what stands around its generated part', () => {
  const page = `before\n${GENERATED_BEGIN}\nold\n${GENERATED_END}\nafter\n`;
  assert.is(refreshPage(page), `before\n${describeProtocol()}\nafter\n`);
  assert.is(refreshPage('no marks'), undefined);
});

test.run();
