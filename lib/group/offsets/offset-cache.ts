import type { Observation } from '../../storage/observation.ts';
import { Turns } from '../turns.ts';
import type { StandingOffset } from './offset-item.ts';

/** What this process knows of one position: enough to change it with one write and no read. */
export interface HeldOffset {
  readonly incarnation: string;
  readonly standing: StandingOffset;
  /** The epoch with which the member was last seen to own it; undefined if it was changed from outside. */
  readonly memberEpoch: number | undefined;
  /** Of the put, for storage's time. */
  readonly observation: Observation;
}

/**
 * Positions that this process has put last. All of it may be old: a put whose version is not the standing one is refused.
 * Changes of one position take turns, so that of two commits by one member the later one stays.
 */
export interface OffsetCache {
  get(key: string): HeldOffset | undefined;
  set(key: string, held: HeldOffset): void;
  forget(key: string): void;
  /** Begins when everything that was begun before under the same key has ended. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>;
}

const HELD_MAX = 50_000;

/** Ids and numbers hold no slash, so whatever a group is called, two positions never share a key. */
export function positionKey(
  groupId: string,
  place: { readonly topicId: string; readonly partition: number },
): string {
  return `${place.topicId}:${place.partition}/${groupId}`;
}

export function createOffsetCache(heldMax: number = HELD_MAX): OffsetCache {
  const held = new Map<string, HeldOffset>();
  const turns = new Turns();
  return {
    get(key) {
      const found = held.get(key);
      if (found === undefined) return undefined;
      // The one used least recently goes first.
      held.delete(key);
      held.set(key, found);
      return found;
    },
    set(key, offset) {
      held.delete(key);
      held.set(key, offset);
      if (held.size <= heldMax) return;
      const [oldest] = held.keys();
      if (oldest !== undefined) held.delete(oldest);
    },
    forget: (key) => {
      held.delete(key);
    },
    inTurn: (key, work) => turns.run(key, work),
  };
}
