import { readTail } from '../../../../lib/partition/tail.ts';
import type { Copier, CopySides } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome, CopyPlace } from '../../../../lib/replication/copy/copy-outcome.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';

/** Copies chunk for chunk, item for item. */
export function chunkCopier({ target, source }: CopySides): Copier {
  return {
    partition: (place: CopyPlace) => ({
      position: undefined,
      copyOnce: async (_terms, call): Promise<CopyOutcome> => {
        try {
          const { tail } = await readTail(target, place.targetPk, target.rules, call);
          const range = { from: tail.offset, limit: 1, consistent: true };
          const [item] = (await source.hot.query(place.sourcePk, range, call)).items;
          if (item === undefined) return { kind: 'caughtUp', position: tail.offset };
          const copy = { ...item, pk: place.targetPk, version: target.random.id() };
          await target.hot.put(copy, { condition: { kind: 'ifAbsent' } }, call);
          const after = (await readTail(target, place.targetPk, target.rules, call)).tail.offset;
          const counts = { bytes: 1, recordCount: after - tail.offset, maxTimestampMs: 1_700_000_000_000 };
          return { kind: 'copied', position: after, sourceEnd: after, ...counts };
        } catch (fault) {
          if (fault instanceof StorageFault) return { kind: 'failed', side: 'source', fault };
          throw fault;
        }
      },
    }),
  };
}
