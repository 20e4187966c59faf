import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { AttributeValue, Condition } from '../../storage/table.ts';
import { SWEEP_PREFIX } from './object-place.ts';

/** Where a lot of listed objects stands on its way: `own`, `shared` and `delete` are done in this order. */
export interface LotPosition {
  readonly stage: 'own' | 'shared' | 'delete';
  /** The last partition whose references were read in this stage, if any. */
  readonly donePk?: string;
}

/** Objects, keys to bytes, that are old enough and that nothing has been seen to refer to yet. */
export interface Lot extends LotPosition {
  /** The last key that was listed; undefined: the listing is at its end. */
  readonly listedTo: string | undefined;
  readonly candidates: ReadonlyMap<string, number>;
}

/** Where a sweep goes on: a listing, and perhaps a lot out of it that is not finished. */
export interface SweepCursor {
  readonly version: string | undefined;
  /** The listing goes on behind this key. */
  readonly after: string | undefined;
  readonly saved: (LotPosition & { readonly objectKey: string; readonly listedTo?: string }) | undefined;
  /** Storage's own time where it has one. */
  readonly nowMs: number;
}

type Dependencies = Pick<EngineParts, 'catalog' | 'bucket' | 'clock' | 'random'>;

export const SWEEP_CURSOR = { pk: 'maintenance', sk: 'sweep' } as const;
const STAGES = ['own', 'shared', 'delete'] as const;

/*
 * Item layout in the catalog: pk = maintenance, sk = sweep, and
 *
 *   f  format number   a  listed up to this key, if the listing has begun
 *   o  object with the lot that is not finished, g its stage, d the last partition done, z the last key of the lot
 *
 * The object: a line for each candidate, its bytes, a space, and its key.
 */
export async function loadCursor({ catalog, clock }: Dependencies, call: Call): Promise<SweepCursor> {
  const { item, observation } = await catalog.get(SWEEP_CURSOR, { consistent: true }, call);
  const nowMs = observation.serverMs ?? clock.wallMs();
  if (item === undefined) return { version: undefined, after: undefined, saved: undefined, nowMs };
  const read = new ItemReader('sweep', item);
  const text = (name: string): string | undefined => (read.has(name) ? read.string(name) : undefined);
  const objectKey = text('o');
  const donePk = text('d');
  const listedTo = text('z');
  const saved =
    objectKey === undefined
      ? undefined
      : {
          objectKey,
          stage: STAGES[read.number('g')] ?? 'own',
          ...(donePk === undefined ? {} : { donePk }),
          ...(listedTo === undefined ? {} : { listedTo }),
        };
  return { version: item.version, after: text('a'), saved, nowMs };
}

/** The saved lot; undefined if its object is gone, and then it is listed again. */
export async function loadLot(
  { bucket }: Dependencies,
  { saved }: SweepCursor,
  call: Call,
): Promise<Lot | undefined> {
  if (saved === undefined) return undefined;
  const bytes = await bucket.get(saved.objectKey, undefined, call);
  if (bytes === undefined) return undefined;
  const candidates = new Map<string, number>();
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
    const gap = line.indexOf(' ');
    if (gap > 0) candidates.set(line.slice(gap + 1), Number(line.slice(0, gap)));
  }
  const { stage, donePk, listedTo } = saved;
  return { stage, ...(donePk === undefined ? {} : { donePk }), listedTo, candidates };
}

/**
 * Says where to go on: behind `after`, and with `lot` first if it is not finished. Undefined if another sweep was here
 * meanwhile: then this one ends.
 */
export async function saveCursor(
  deps: Dependencies,
  before: SweepCursor,
  next: { readonly after: string | undefined; readonly lot?: Lot },
  call: Call,
): Promise<SweepCursor | undefined> {
  const { after, lot } = next;
  const objectKey = lot === undefined ? undefined : `${SWEEP_PREFIX}${deps.random.id()}`;
  const attributes: Record<string, AttributeValue> = { f: ITEM_FORMAT };
  if (after !== undefined) attributes.a = after;
  if (lot !== undefined && objectKey !== undefined) {
    const lines = Array.from(lot.candidates, ([key, bytes]) => `${bytes} ${key}\n`);
    await deps.bucket.put(objectKey, Buffer.from(lines.join('')), call);
    attributes.o = objectKey;
    attributes.g = STAGES.indexOf(lot.stage);
    if (lot.donePk !== undefined) attributes.d = lot.donePk;
    if (lot.listedTo !== undefined) attributes.z = lot.listedTo;
  }
  const version = deps.random.id();
  const condition: Condition =
    before.version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: before.version };
  const result = await deps.catalog.put({ ...SWEEP_CURSOR, version, attributes }, { condition }, call);
  if (!result.stored) return undefined;
  if (before.saved !== undefined) await deps.bucket.delete([before.saved.objectKey], call);
  return { version, after, saved: undefined, nowMs: before.nowMs };
}
