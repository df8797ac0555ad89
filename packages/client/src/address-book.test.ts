import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressBook } from './address-book.ts';

test('[AB1] an address that failed comes after those that did not', () => {
  const book = new AddressBook(['a', 'b', 'c'], new Prng(3));
  book.failed('a', 0);
  book.failed('b', 0);
  book.failed('b', 0);
  assert.is(book.take(0), 'c');
  book.release('c');
  book.failed('c', 0);
  book.succeeded('b');
  assert.is(book.take(0), 'b');
});

test('[AB1] one that failed long ago comes before one that was lost just now', () => {
  const next = (now: number): string => {
    const book = new AddressBook(['a', 'b'], new Prng(3));
    for (let times = 0; times < 3; times += 1) book.failed('a', 0);
    book.failed('b', 9000);
    return book.take(now);
  };
  assert.is(next(9000), 'a', 'a has rested for its eight seconds');
  assert.is(next(11_500), 'b', 'both have rested, and b failed less');
  const both = new AddressBook(['a', 'b'], new Prng(3));
  both.failed('a', 0);
  both.failed('a', 0);
  both.failed('b', 0);
  assert.is(both.take(10), 'b', 'both rest');
});

test('[AB1] among equals by lot', () => {
  const first = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    first.add(new AddressBook(['a', 'b', 'c'], new Prng(seed)).take(0));
  }
  assert.is(first.size, 3);
});

test('[AB2] connections spread over the addresses', () => {
  const book = new AddressBook(['a', 'b', 'c'], new Prng(4));
  book.failed('c', 0);
  assert.equal(new Set([book.take(0), book.take(0), book.take(0)]), new Set(['a', 'b', 'c']));
});

test('[AB3] what is learned is bounded, and told once', () => {
  const book = new AddressBook(['a'], new Prng(5));
  for (let index = 0; index < 5000; index += 1) book.learn(`node:${index % 2500}`);
  assert.is(book.addresses.length, 1024);
  assert.is(book.addresses[0], 'a');
});

test.run();
