import { test } from 'uvu';
import { assertFinds } from './bad-example.ts';
import { quorumClaims } from './quorum-claims.ts';

test('[C1] a document that calls overlapping quorums strong is found, and one that denies it is not', () => {
  assertFinds(
    quorumClaims,
    {
      'docs/a.md': 'Levels.\n\nWith R + W > N reads are\nstrongly consistent. So what.',
      'docs/b.md': 'R+W>N makes a store linearizable.',
      'docs/c.md': 'R + W > N is no strong consistency. Strong is another word.',
      'docs/d.md': 'Where W + R > N a later read meets the write; that is not strong.',
      'packages/kernel/src/a.ts': '// R + W > N is strong.',
    },
    [/docs\/a.md:3 /, /docs\/b.md:1 /],
  );
});

test.run();
