import type { Copier, CopySides } from './copy/copier.ts';
import { createCopier } from './copy/create-copier.ts';
import type { TopicPair } from './flow-run.ts';
import { createMergedCopier } from './merged/merged-copier.ts';

/** A topic that is no copy is written in the target too. */
export function bothCopiers(sides: CopySides, source: string): (pair: TopicPair) => Copier {
  const copies = createCopier(sides);
  const merged = createMergedCopier(sides, source);
  return ({ target }) => (target.remote === undefined ? merged : copies);
}
