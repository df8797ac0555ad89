import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RESPONSE, RESPONSE_HEADER_WORDS } from './frame.ts';
import {
  ENTRY_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  bodyEntryCount,
  bodyItemCount,
  bodyOffset,
  bodySiblingsOffset,
  isTombstone,
  nextSibling,
  valueOffset,
  valueCodec,
} from './response-body.ts';

test('[RB1] entries, then siblings, end where the operation ends', () => {
  const valueWords = 4;
  const wordCount = RESPONSE_HEADER_WORDS + 2 * ENTRY_WORDS + 2 * SIBLING_HEADER_WORDS + valueWords;
  const operation = 6;
  const words = new Int32Array(operation + wordCount);
  words[operation + RESPONSE.wordCount] = wordCount;
  words[operation + RESPONSE.counts] = 2 | (2 << 16);
  const first = operation + RESPONSE_HEADER_WORDS + 2 * ENTRY_WORDS;
  words[first + SIBLING.valueBytes] = 9;
  words[first + SIBLING.flagsAndCodec] = 1 << 8;
  const second = first + SIBLING_HEADER_WORDS + valueWords;
  words[second + SIBLING.flagsAndCodec] = SIBLING_FLAG.tombstone;

  assert.is(bodyEntryCount(words, operation), 2);
  assert.is(bodyItemCount(words, operation), 2);
  assert.is(bodyOffset(operation), operation + RESPONSE_HEADER_WORDS);
  assert.is(bodySiblingsOffset(words, operation), first);
  assert.is(valueOffset(first), first + SIBLING_HEADER_WORDS);
  assert.is(valueCodec(words, first), 1);
  assert.not(isTombstone(words, first));
  assert.is(nextSibling(words, first), second);
  assert.ok(isTombstone(words, second));
  assert.is(nextSibling(words, second), operation + wordCount);
});

test.run();
