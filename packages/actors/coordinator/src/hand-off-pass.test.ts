import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REQUEST, REQUEST_HEADER_WORDS, SCAN } from '@clockwise/protocol/frame';
import { HEADER, keyOffset, paddedWords } from '@clockwise/record/layout';
import { HandOffPass } from './hand-off-pass.ts';
import { HintLedger } from './hint-ledger.ts';
import { record } from './sample-requests.ts';

const BOUNDS = { recordsMax: 10, bytesMax: 1000 };
const LIMITS = { hintBytesMax: 1, hintAgeSecondsMax: 1, owedMarksMax: 1, handOffRoundMs: 1 };
const [FIRST, SECOND] = [
  record({ key: 'aa', dots: [[1, 1]] }),
  record({ key: 'b', dots: [[1, 2]] }),
];
const PAGE = Int32Array.from([...FIRST, ...SECOND]);

function atPlace(): HandOffPass {
  const pass = new HandOffPass(1, false);
  pass.beginPlace(new HintLedger(2, 1, LIMITS).open(0, 1));
  return pass;
}

test('[HP1] a page, or a place, is not left while records of it are on their way', () => {
  const pass = atPlace();
  pass.takePage(PAGE, 0, PAGE.length, 2, true);
  pass.inFlight = 1;
  assert.throws(() => pass.takePage(PAGE, 0, PAGE.length, 2, true), /HP1/);
  assert.throws(() => pass.beginPlace(pass.count), /HP1/);
  pass.inFlight = 0;
  pass.isAsking = true;
  assert.throws(() => pass.beginPlace(pass.count), /HP1/);
});

test('a page is walked record by record, and the next one begins behind its last', () => {
  const pass = atPlace();
  const first = pass.scanRequest(7, BOUNDS);
  assert.is(first[REQUEST_HEADER_WORDS + SCAN.hasPosition], 0);
  pass.takePage(PAGE, 0, PAGE.length, 2, true);
  assert.is(pass.record, 0);
  pass.next();
  assert.is(pass.record, FIRST.length);
  pass.next();
  assert.is(pass.hasRecord, false);
  const request = pass.scanRequest(7, BOUNDS);
  assert.is(request[REQUEST.keyAndContext], 1);
  assert.is(request[REQUEST_HEADER_WORDS], SECOND[keyOffset(0)]);
  const scan = REQUEST_HEADER_WORDS + paddedWords(1);
  assert.equal(
    [...request.slice(scan, scan + 6)],
    [7, 1, SECOND[HEADER.tokenHigh], SECOND[HEADER.tokenLow], 10, 1000],
  );
});

test('a page that says more and holds nothing is the last', () => {
  const pass = atPlace();
  assert.is(pass.hasMore, true);
  pass.takePage(PAGE, 0, 0, 0, true);
  assert.is(pass.hasMore, false);
});

test.run();
