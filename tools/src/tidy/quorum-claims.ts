// C1: no text may promise more of overlapping quorums than they hold. Where a sentence speaks of R + W > N
// and of strong consistency, it says that the one is not the other.
import { lineAt, type Finding, type Rule, type Tree } from './tree.ts';

const SENTENCE = /[^.!?|]+(?:[.!?|]|$)/g;
const OVERLAP = /\b(?:R\s*\+\s*W|W\s*\+\s*R)\s*>\s*N\b/;
const STRONG = /\bstrong(?:ly)?\b|\blineari[sz]ab/i;
const DENIED = /\b(?:no|not|never|nor|neither)\b/i;

export const quorumClaims: Rule = {
  name: 'quorum-claims',
  check(tree: Tree): readonly Finding[] {
    return tree.texts.flatMap((file) =>
      file.path.endsWith('.md')
        ? [...file.text.matchAll(SENTENCE)]
            .filter(([sentence]) => isClaim(sentence))
            .map((match) => ({
              path: file.path,
              line: lineAt(file.text, match.index + match[0].search(/\S/)),
              message: 'calls R + W > N strong: overlapping quorums are not (C1)',
            }))
        : [],
    );
  },
};

function isClaim(sentence: string): boolean {
  return OVERLAP.test(sentence) && STRONG.test(sentence) && !DENIED.test(sentence);
}
