/** A process that runs parts of the proof, one after the other, until its parent lets go of it. */
import { type ProofPart, type ProofReport, runPart } from './proof-part.ts';

/** What it is sent, and what it answers to each. */
export type ProofQuestion = ProofPart;
export type ProofAnswer = ProofReport;

process.on('message', (part: ProofQuestion) => {
  const answer: ProofAnswer = runPart(part);
  process.send!(answer);
});
