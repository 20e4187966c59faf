import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Condition } from '../../storage/table.ts';

/** How far a run of the job has come that did not reach the end of the list of groups. */
export interface ExpiryCursor {
  /** The last group that was looked at; undefined: the next run begins at the beginning. */
  readonly after: string | undefined;
  readonly version: string | undefined;
}

const CURSOR_KEY = { pk: 'maintenance', sk: 'groups' } as const;

/* Item layout in the catalog: pk = maintenance, sk = groups, f format number, a group id. There is none after a whole run. */
export async function readExpiryCursor(
  { catalog }: Pick<EngineParts, 'catalog'>,
  call: Call,
): Promise<ExpiryCursor> {
  const { item } = await catalog.get(CURSOR_KEY, { consistent: true }, call);
  if (item === undefined) return { after: undefined, version: undefined };
  return { after: new ItemReader('groups cursor', item).string('a'), version: item.version };
}

/** Losing means that another run is under way; both look at everything that they reach. */
export async function noteExpiryReached(
  { catalog, random }: Pick<EngineParts, 'catalog' | 'random'>,
  { version }: ExpiryCursor,
  after: string | undefined,
  call: Call,
): Promise<void> {
  if (after === undefined) {
    if (version !== undefined) await catalog.delete(CURSOR_KEY, { ifVersion: version }, call);
    return;
  }
  const condition: Condition = version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version };
  const attributes = { f: ITEM_FORMAT, a: after };
  await catalog.put({ ...CURSOR_KEY, version: random.id(), attributes }, { condition }, call);
}
