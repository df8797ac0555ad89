import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HandOffPass } from './hand-off-pass.ts';
import { HintLedger } from './hint-ledger.ts';
import { record } from '../requests/sample-requests.ts';

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

test.run();
