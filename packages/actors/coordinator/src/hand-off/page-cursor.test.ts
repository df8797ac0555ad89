import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REQUEST, REQUEST_HEADER_WORDS, SCAN } from '@clockwise/protocol/frame';
import { HEADER, keyOffset, paddedWords } from '@clockwise/record/layout';
import { PageCursor } from './page-cursor.ts';
import { record } from '../requests/sample-requests.ts';

const BOUNDS = { recordsMax: 10, bytesMax: 1000 };
const [FIRST, SECOND] = [
  record({ key: 'aa', dots: [[1, 1]] }),
  record({ key: 'b', dots: [[1, 2]] }),
];
const PAGE = Int32Array.from([...FIRST, ...SECOND]);

test('[PG1] a page is walked record by record, and the next one begins behind its last', () => {
  const cursor = new PageCursor();
  const first = cursor.scanRequest(7, BOUNDS);
  assert.is(first[REQUEST_HEADER_WORDS + SCAN.hasPosition], 0);
  cursor.takePage(PAGE, 0, PAGE.length, 2, true);
  assert.is(cursor.record, 0);
  cursor.next();
  assert.is(cursor.record, FIRST.length);
  cursor.next();
  assert.is(cursor.hasRecord, false);
  const request = cursor.scanRequest(7, BOUNDS);
  assert.is(request[REQUEST.keyAndContext], 1);
  assert.is(request[REQUEST_HEADER_WORDS], SECOND[keyOffset(0)]);
  const scan = REQUEST_HEADER_WORDS + paddedWords(1);
  assert.equal(
    [...request.slice(scan, scan + 6)],
    [7, 1, SECOND[HEADER.tokenHigh], SECOND[HEADER.tokenLow], 10, 1000],
  );
});

test('[PG1] a page that is given back, come or not, is asked for as it was', () => {
  const cursor = new PageCursor();
  cursor.scanRequest(7, BOUNDS);
  cursor.takePage(PAGE, 0, PAGE.length, 2, true);
  cursor.next();
  cursor.next();
  const second = cursor.scanRequest(7, BOUNDS);
  cursor.giveBack();
  assert.equal(cursor.scanRequest(7, BOUNDS), second, 'it has not come');
  assert.equal(cursor.scanRequest(7, BOUNDS), second, 'nor could it be asked for');
  cursor.takePage(PAGE, 0, PAGE.length, 2, true);
  cursor.next();
  cursor.giveBack();
  assert.is(cursor.hasRecord, false);
  assert.equal(cursor.scanRequest(7, BOUNDS), second, 'half of it was passed');
  cursor.restart();
  assert.is(cursor.scanRequest(7, BOUNDS)[REQUEST_HEADER_WORDS + SCAN.hasPosition], 0);
});

test('a page that says more and holds nothing is the last', () => {
  const cursor = new PageCursor();
  assert.is(cursor.hasMore, true);
  cursor.takePage(PAGE, 0, 0, 0, true);
  assert.is(cursor.hasMore, false);
});

test.run();
