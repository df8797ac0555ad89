import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { erasable } from './erasable.ts';

const PATH = 'packages/kernel/src/a.ts';
const REFUSED: readonly (readonly [text: string, why: RegExp])[] = [
  ['export enum A { b }', /:1 enum/],
  ['declare namespace A.B {}', /:1 namespace/],
  ['class A {\n  constructor(private a: number) {}\n}', /:2 parameter property/],
  ['class A {\n  constructor(\n    a: B,\n    readonly c: D,\n  ) {}\n}', /parameter property/],
  ["export * from './b.ts';", /:1 export \*/],
];

for (const [text, why] of REFUSED) {
  test(`refused: ${text.replace(/\s+/g, ' ')}`, () => {
    assertFinds(erasable, { [PATH]: text }, [why]);
  });
}

test('a readonly field of an options object is no parameter property', () => {
  const text = 'class A {\n  constructor(size: { readonly a: number; readonly b: number }) {}\n}';
  assertFinds(erasable, { [PATH]: text }, []);
});

test.run();
