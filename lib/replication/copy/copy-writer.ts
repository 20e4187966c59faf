import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { appendFences } from '../../partition/append-fences.ts';
import { chunkExpirySeconds, inlineBytesMaxOf } from '../../partition/append-settings.ts';
import { appendVersion, type Chunk, chunkFromItem, chunkToItem } from '../../partition/chunk.ts';
import { Spooler, type Upload } from '../../partition/spooler.ts';
import { readTail, type Tail } from '../../partition/tail.ts';
import { producersEndAt } from '../../producer/chunk-producers.ts';
import type { Call } from '../../storage/call.ts';
import { isUnsentByFence } from '../../storage/fault.ts';
import { observationAgeMs } from '../../storage/observation.ts';
import type { PutResult } from '../../storage/table.ts';
import { composeCopy, joinedBytes } from './compose-copy.ts';
import type { CopyTerms } from './copy-outcome.ts';
import type { CopiedBatch } from './read-source.ts';

export type CopyPut =
  | { readonly kind: 'stored'; readonly chunk: Chunk; readonly bytes: number }
  /** Something stands there: what to copy has to be looked at anew. `isCopy`: others copy too, else others write. */
  | { readonly kind: 'lost'; readonly isCopy: boolean }
  /** Nothing was sent: what was seen before is too old. */
  | { readonly kind: 'stale' };

/** Appends copies to one remote partition. */
export interface CopyWriter {
  /** The tail as it is known, else as it is read. Throws `StorageFault`. */
  tail(call: Call): Promise<Tail>;
  readonly knownTail: Tail | undefined;
  /** Whether the known tail is too old to rest a write on. */
  readonly isOld: boolean;
  /** ⚑ Puts one chunk at exactly the tail that was answered last. Throws `StorageFault`; then the tail is read anew. */
  put(batches: readonly CopiedBatch[], terms: CopyTerms, call: Call): Promise<CopyPut>;
  forget(): void;
  /** Only where the rule `positionFromTail` is off. */
  pretend(position: number): void;
}

/** From here on an upload shares its object with no other partition's. */
const ALONE_BYTES_MIN = 1_048_576;

/**
 * The chain decides among several replicators as it does among writers: a put lost shows the chunk that stands, and copying
 * goes on where that ends. What is ambiguous is sent again as it is while the call lasts (`retryingTable`), and never
 * elsewhere: the next step reads the tail and copies what is missing from there on, so a late put either is what was to be
 * copied at that place or finds it taken.
 */
export function createCopyWriter(target: EngineParts, spooler: Spooler, pk: string): CopyWriter {
  const { rules } = target;
  let tail: Tail | undefined;

  const upload = async (
    bytes: Uint8Array,
    at: Tail,
    settings: CopyTerms['settings'],
    call: Call,
  ): Promise<Upload | undefined> => {
    if (bytes.length <= inlineBytesMaxOf(target, settings)) return undefined;
    // The name of an object that one chunk fills says where that begins: sealing adopts it as it is.
    const alone = bytes.length >= ALONE_BYTES_MIN ? new Spooler(target.bucket, target.random) : spooler;
    return alone.upload({ bytes, baseOffset: at.offset }, call);
  };

  const composed = (
    batches: readonly CopiedBatch[],
    at: Tail,
    terms: CopyTerms,
    stored: { readonly bytes: Uint8Array; readonly upload: Upload | undefined },
  ): Chunk => {
    const first = batches[0]?.header.baseOffset ?? at.offset;
    return composeCopy(batches, {
      baseOffset: rules.copyAtObservedTail ? at.offset : first,
      version: target.random.id(),
      expiresAtSeconds: chunkExpirySeconds(target, terms.settings, at.observation),
      bytes: stored.bytes,
      span: stored.upload?.span,
      producersEnd: at.producersEnd,
    });
  };

  const behind = (chunk: Chunk, { observation }: Pick<Tail, 'observation'>): Tail => ({
    offset: chunk.endOffset,
    closed: chunk.body.kind === 'closed',
    observation,
    producersEnd: producersEndAt(chunk),
  });

  const append = async (
    batches: readonly CopiedBatch[],
    at: Tail,
    terms: CopyTerms,
    call: Call,
  ): Promise<CopyPut> => {
    const bytes = joinedBytes(batches);
    const uploaded = await upload(bytes, at, terms.settings, call);
    const chunk = composed(batches, at, terms, { bytes, upload: uploaded });
    const entries = [{ topicSeen: terms.topicSeen }];
    const fences = appendFences(rules, { tail: at, uploaded: uploaded?.observation, entries });
    const item = chunkToItem(pk, chunk);
    const condition = { kind: 'ifAbsent' } as const;
    const guards = rules.copyAtObservedTail ? fences : [];
    const result = await target.hot.put(item, { condition, fences: guards }, call);
    if (result.stored) {
      tail = behind(chunk, result);
      return { kind: 'stored', chunk, bytes: bytes.length };
    }
    const standing = lostTo(result, chunk);
    const isOwn = standing !== undefined && appendVersion(standing) === chunk.version;
    if (isOwn && rules.tokenCheck) return { kind: 'stored', chunk, bytes: bytes.length };
    return { kind: 'lost', isCopy: standing?.keepsOffsets === true };
  };

  /** Goes on behind what stands in the way. */
  const lostTo = (
    result: PutResult<number> & { readonly stored: false },
    chunk: Chunk,
  ): Chunk | undefined => {
    if (result.standing === undefined) return undefined;
    const standing = chunkFromItem(result.standing);
    tail = behind(rules.copyAtObservedTail ? standing : chunk, result);
    return standing;
  };

  return {
    tail: async (call) => {
      tail ??= (await readTail(target, pk, rules, call)).tail;
      return tail;
    },
    get knownTail() {
      return tail;
    },
    get isOld() {
      if (tail === undefined || !rules.fence) return false;
      const now = { wallMs: target.clock.wallMs(), monotonicMs: target.clock.monotonicMs() };
      return observationAgeMs(tail.observation, now) > LIMITS.fenceAgeMsMax;
    },
    put: async (batches, terms, call) => {
      const at = tail;
      tail = undefined;
      if (at === undefined) return { kind: 'stale' };
      try {
        return await append(batches, at, terms, call);
      } catch (fault) {
        if (isUnsentByFence(fault)) {
          return { kind: 'stale' };
        }
        throw fault;
      }
    },
    forget: () => {
      tail = undefined;
    },
    pretend: (position) => {
      if (tail !== undefined) tail = { ...tail, offset: position, closed: false };
    },
  };
}
