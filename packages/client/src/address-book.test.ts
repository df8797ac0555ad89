import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressBook } from './address-book.ts';

test('[AB1] an address that failed comes after those that did not', () => {
  const book = new AddressBook(['a', 'b', 'c'], new Prng(3));
  book.failed('a');
  book.failed('b');
  book.failed('b');
  assert.is(book.take(), 'c');
  book.release('c');
  book.failed('c');
  book.succeeded('b');
  assert.is(book.take(), 'b');
});

test('[AB1] among equals by lot', () => {
  const first = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    first.add(new AddressBook(['a', 'b', 'c'], new Prng(seed)).take());
  }
  assert.is(first.size, 3);
});

test('[AB2] connections spread over the addresses', () => {
  const book = new AddressBook(['a', 'b', 'c'], new Prng(4));
  book.failed('c');
  assert.equal(new Set([book.take(), book.take(), book.take()]), new Set(['a', 'b', 'c']));
});

test('[AB3] what is learned is bounded, and told once', () => {
  const book = new AddressBook(['a'], new Prng(5));
  for (let index = 0; index < 5000; index += 1) book.learn(`node:${index % 2500}`);
  assert.is(book.addresses.length, 1024);
  assert.is(book.addresses[0], 'a');
});

test.run();
