import type { EngineParts } from '../engine-parts.ts';
import { invariant } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Condition, Item } from '../storage/table.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'random'>;

/** Gives out producer ids that nobody has had. */
export interface ProducerIds {
  /** Throws `StorageFault`. */
  allocate(call: Call): Promise<number>;
}

const KEY = { pk: 'producers', sk: 'ids' } as const;
/** ⚑ A producer id is its region's number times this, plus a counter: two regions never give out the same. */
const COUNTER_MAX = 2 ** 43;
/** Others that may take a block at the same time; each lost try has met one. */
const TRIES_MAX = 64;
/** More ids than can have been given out since any backup. */
const IDS_SKIPPED = 2 ** 32;

invariant(
  LIMITS.regionsMax * COUNTER_MAX <= Number.MAX_SAFE_INTEGER + 1,
  'every producer id is a safe integer',
);

/** A process takes ids from storage in blocks; what it does not give out is lost, and there are enough. */
export function producerIds(deps: Dependencies, regionNumber: number): ProducerIds {
  invariant(
    Number.isSafeInteger(regionNumber) && regionNumber >= 0 && regionNumber < LIMITS.regionsMax,
    `a region number is a whole number below ${LIMITS.regionsMax}`,
  );
  let next = 0;
  let end = 0;
  let refill: Promise<void> | undefined;
  const takeBlock = async (call: Call): Promise<void> => {
    const first = await raiseCounter(deps, LIMITS.producerIdBlock, call);
    next = first;
    end = first + LIMITS.producerIdBlock;
  };
  return {
    allocate: async (call) => {
      while (next === end) {
        // Whoever joins another's refill and sees it fail asks for a block with his own deadline.
        if (refill !== undefined) await refill.catch(() => undefined);
        else {
          refill = takeBlock(call).finally(() => {
            refill = undefined;
          });
          await refill;
        }
      }
      const counter = next;
      next += 1;
      return regionNumber * COUNTER_MAX + counter;
    },
  };
}

/** After tables were restored to an earlier time: what was given out since then is never given out again. */
export async function skipProducerIds(deps: Dependencies, call: Call): Promise<void> {
  await raiseCounter(deps, IDS_SKIPPED, call);
}

/**
 * Answers the counter as it was.
 *
 * Item layout in the catalog: pk = producers, sk = ids, f  format number   n  the first number that nobody has taken
 */
async function raiseCounter({ catalog, random }: Dependencies, by: number, call: Call): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { item: standing } = await catalog.get(KEY, { consistent: true }, call);
    const counter = standing === undefined ? 0 : new ItemReader('producer ids', standing).number('n');
    if (counter + by > COUNTER_MAX) throw new StorageFault('full', 'Every producer id has been given out');
    const condition: Condition =
      standing === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: standing.version };
    const item: Item<string> = {
      ...KEY,
      version: random.id(),
      attributes: { f: ITEM_FORMAT, n: counter + by },
    };
    if ((await catalog.put(item, { condition }, call)).stored) return counter;
  }
  throw new StorageFault('throttled', 'Many processes take producer ids at once');
}
