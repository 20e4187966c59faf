import { expect, it } from 'vitest';
import { systemRandom } from '../../lib/adapters/system/index.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault, type StorageFaultKind } from '../../lib/storage/fault.ts';
import { Meter } from '../../lib/storage/meter.ts';
import type { AttributeValue, Item, SortKey, Table } from '../../lib/storage/table.ts';

const random = systemRandom();

export interface OpenTables {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  close(): Promise<void> | void;
}

/** A name that no other test uses, so that suites can share one slow store. */
export function freshName(): string {
  return random.id();
}

/** A caller with half a minute left and a meter of its own. */
export function caller(): Call {
  return { meter: new Meter(), deadlineMs: performance.now() + 30_000 };
}

export function itemAt<S extends SortKey>(
  pk: string,
  sk: S,
  attributes: { readonly [name: string]: AttributeValue } = {},
): Item<S> {
  return { pk, sk, version: random.id(), attributes };
}

export { noise } from './noise.ts';

export const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;

export function ifVersion(version: string): { condition: { kind: 'ifVersion'; version: string } } {
  return { condition: { kind: 'ifVersion', version } };
}

/** The fault that `work` ends in. */
export async function faultOf(work: Promise<unknown>): Promise<StorageFault> {
  const outcome = await work.then(
    () => 'no fault',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StorageFault);
  return outcome as StorageFault;
}

export async function expectFault(work: Promise<unknown>, kind: StorageFaultKind): Promise<void> {
  const fault = await faultOf(work);
  expect({ kind: fault.kind, mayHaveHappened: fault.mayHaveHappened }).toEqual({
    kind,
    mayHaveHappened: kind === 'interrupted',
  });
}

/** Claims an adapter is known not to keep, each with the reason. */
export type Gaps = Readonly<Record<string, string>>;

export type Claim = (name: string, check: () => Promise<void>) => void;

/** `it`, but a claim named in `gaps` is listed as skipped with its reason. */
export function claimsBut(gaps: Gaps): Claim {
  return (name, check) => {
    const reason = gaps[name];
    if (reason === undefined) it(name, check);
    else it.skip(`${name} (gap: ${reason})`, check);
  };
}

/** Compares everything an item carries; `Buffer` and `Uint8Array` count as the same bytes. */
export function expectItem<S extends SortKey>(actual: Item<S> | undefined, expected: Item<S>): void {
  expect(plain(actual)).toEqual(plain(expected));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
