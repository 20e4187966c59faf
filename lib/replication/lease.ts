import type { EngineParts } from '../engine-parts.ts';
import { storageMs } from '../group/storage-time.ts';
import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import { Meter } from '../storage/meter.ts';
import type { Observation } from '../storage/observation.ts';
import type { Condition, Item } from '../storage/table.ts';
import type { FlowRunTime, FlowShare } from './flow-run.ts';
import { FLOWS_KEY } from './flows/flow-item.ts';

/**
 * Keeps two replicators from doing the same work. It saves cost and nothing else: one that was frozen and does not know
 * that its lease has gone copies as rightly as any, because only the remote partition's end decides what comes next.
 */
export interface Lease {
  readonly sk: string;
  readonly holder: string;
  readonly version: string;
  /** How much storage's clock is ahead of this machine's. */
  readonly skewMs: number;
}

export type LeaseAnswer =
  | { readonly kind: 'taken'; readonly lease: Lease }
  /** Until then, by storage's clock, unless it is renewed. */
  | { readonly kind: 'held'; readonly untilMs: number };

type Dependencies = Pick<EngineParts, 'catalog' | 'clock' | 'random'>;

/** How long a replicator that died keeps others away; the holder renews its lease three times as often. */
export const LEASE_MS = 30_000;
export const LEASE_RENEWAL_MS: number = LEASE_MS / 3;
const TRIES_MAX = 4;
const WAIT_MS = 500;
const SHARES_MAX = 1_024;

export function leaseSortKey(source: string, { index, count }: FlowShare): string {
  return `lease#${source}#${index}/${count}`;
}

/** Until when the replicators of a flow hold their leases, all shares together, and now: both by storage's clock. */
export async function heldUntilMs(
  { catalog }: Pick<Dependencies, 'catalog'>,
  source: string,
  call: Call,
): Promise<{ readonly untilMs: number; readonly nowMs: number }> {
  const from = `lease#${source}#`;
  // Behind '#' comes '$'. There are as many shares as replicators at most.
  const range = { from, to: `${from.slice(0, -1)}$`, limit: SHARES_MAX, consistent: true };
  const { items, observation } = await catalog.query(FLOWS_KEY, range, call);
  const untilMs = items.reduce((last, item) => Math.max(last, fromItem(item).untilMs), 0);
  return { untilMs, nowMs: storageMs(observation) };
}

/** Takes the lease if it is free, has run out, or is `holder`'s already. */
export async function takeLease(
  deps: Dependencies,
  { sk, holder }: Pick<Lease, 'sk' | 'holder'>,
  call: Call,
): Promise<LeaseAnswer> {
  let untilMs = 0;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { item, observation } = await deps.catalog.get({ pk: FLOWS_KEY, sk }, { consistent: true }, call);
    if (item !== undefined) {
      const standing = fromItem(item);
      untilMs = standing.untilMs;
      if (standing.holder !== holder && untilMs > storageMs(observation)) return { kind: 'held', untilMs };
    }
    const version = deps.random.id();
    const condition: Condition =
      item === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: item.version };
    const lease = { sk, holder, version, skewMs: skewOf(deps, observation) ?? 0 };
    const result = await deps.catalog.put(toItem(deps, lease), { condition }, call);
    if (result.stored) return { kind: 'taken', lease };
  }
  return { kind: 'held', untilMs };
}

/**
 * As `takeLease`, again and again for as long as an idle run waits: ⚑ whoever has it may be about to end, and would not see
 * any more what this one was woken for.
 */
export async function waitForLease(
  deps: Dependencies,
  wanted: Pick<Lease, 'sk' | 'holder'>,
  { idleMs, deadlineMs, signal }: Pick<FlowRunTime, 'idleMs' | 'deadlineMs' | 'signal'>,
): Promise<LeaseAnswer> {
  const { clock } = deps;
  const untilMs = Math.min(clock.monotonicMs() + idleMs, deadlineMs - WAIT_MS);
  for (;;) {
    const call = { meter: new Meter(), deadlineMs };
    const answer = await takeLease(deps, wanted, call);
    if (answer.kind === 'taken' || signal?.aborted === true) return answer;
    if (clock.monotonicMs() + WAIT_MS > untilMs) return answer;
    await clock.sleep(WAIT_MS, signal).catch(() => undefined);
  }
}

/** Undefined: it was taken by another, or given up. A clock that was set meanwhile misdates one renewal at most. */
export async function renewLease(deps: Dependencies, lease: Lease, call: Call): Promise<Lease | undefined> {
  const renewed = { ...lease, version: deps.random.id() };
  const condition = { kind: 'ifVersion', version: lease.version } as const;
  const { stored, observation } = await deps.catalog.put(toItem(deps, renewed), { condition }, call);
  return stored ? { ...renewed, skewMs: skewOf(deps, observation) ?? lease.skewMs } : undefined;
}

/** ⚑ Against the clock of now: one that slept with its request unsent would be ahead by as long as it slept, and so its lease. */
function skewOf({ clock }: Pick<Dependencies, 'clock'>, { serverMs }: Observation): number | undefined {
  return serverMs === undefined ? undefined : serverMs - clock.wallMs();
}

export async function giveUpLease(
  { catalog }: Pick<Dependencies, 'catalog'>,
  lease: Lease,
  call: Call,
): Promise<void> {
  await catalog.delete({ pk: FLOWS_KEY, sk: lease.sk }, { ifVersion: lease.version }, call);
}

/*
 * Item layout in the catalog: pk = flows, sk = lease#<alias of the source>#<index>/<count of shares>, and
 *
 *   f  format number   h  holder, random   u  ms until which it is held, by storage's clock
 */
function toItem(
  { clock }: Pick<Dependencies, 'clock'>,
  { sk, holder, version, skewMs }: Lease,
): Item<string> {
  const untilMs = clock.wallMs() + skewMs + LEASE_MS;
  return { pk: FLOWS_KEY, sk, version, attributes: { f: ITEM_FORMAT, h: holder, u: untilMs } };
}

function fromItem(item: Item<string>): { readonly holder: string; readonly untilMs: number } {
  const read = new ItemReader('lease', item);
  return { holder: read.string('h'), untilMs: read.number('u') };
}
