import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { appendFences } from '../../partition/append-fences.ts';
import { chunkExpirySeconds, inlineBytesMaxOf } from '../../partition/append-settings.ts';
import { appendVersion, type Chunk, chunkFromItem, chunkToItem } from '../../partition/chunk.ts';
import type { Spooler, Upload } from '../../partition/spooler.ts';
import { readTail, type Tail } from '../../partition/tail.ts';
import { producersEndAt } from '../../producer/chunk-producers.ts';
import type { Call } from '../../storage/call.ts';
import { isUnsentByFence } from '../../storage/fault.ts';
import { observationAgeMs } from '../../storage/observation.ts';
import type { PutResult } from '../../storage/table.ts';
import type { CopyTerms } from './copy-outcome.ts';

export type TailPut =
  | { readonly kind: 'stored'; readonly chunk: Chunk; readonly bytes: number }
  /** Another chunk stands there, this one: what to copy has to be looked at anew. What was uploaded can be put elsewhere. */
  | { readonly kind: 'lost'; readonly standing: Chunk | undefined; readonly uploaded: Upload | undefined }
  /** Nothing was sent: what was seen before is too old. */
  | { readonly kind: 'stale' };

/** What a chunk is given besides what it is made of. */
export interface ChunkPlace extends Pick<Chunk, 'version'> {
  readonly tail: Tail;
  readonly expiresAtSeconds: number;
  readonly bytes: Uint8Array;
  /** Set where the bytes were put as an object. */
  readonly span: Upload['span'] | undefined;
}

/** A chunk that is not made before it is known where it will stand. */
export interface TailContent {
  /** Left by a lost put of the same batches: readers go by the offsets that the chunk says. @default none */
  readonly uploaded?: Upload | undefined;
  bytesAt(tail: Tail): Uint8Array;
  chunkAt(place: ChunkPlace): Chunk;
}

/** Appends what was composed for exactly that place to one partition. */
export interface TailWriter {
  /** The tail as it is known, else as it is read. Throws `StorageFault`. */
  tail(call: Call): Promise<Tail>;
  readonly knownTail: Tail | undefined;
  /** Whether the known tail is too old to rest a write on. */
  readonly isOld: boolean;
  /** ⚑ Puts one chunk at exactly the tail that was answered last. Throws `StorageFault`; then the tail is read anew. */
  put(content: TailContent, terms: CopyTerms, call: Call): Promise<TailPut>;
  forget(): void;
  /** Only where the rule `positionFromTail` is off. */
  pretend(position: number): void;
}

export interface TailWriterOptions {
  readonly pk: string;
  /** Where objects of that size go. */
  readonly spoolerFor: (bytes: number) => Spooler;
  /** ⚑ Off only where the rule `copyAtObservedTail` is. @default true */
  readonly atObservedTail?: boolean;
}

/**
 * The chain decides among several replicators as it does among writers: a put lost shows the chunk that stands, and the
 * next tail is where that ends. What is ambiguous is sent again as it is while the call lasts (`retryingTable`), and never
 * elsewhere: the next step reads the tail, so a late put either is what was to stand at that place or finds it taken.
 */
export function createTailWriter(target: EngineParts, options: TailWriterOptions): TailWriter {
  const { rules } = target;
  const { pk, spoolerFor, atObservedTail = true } = options;
  let known: Tail | undefined;

  const append = async (content: TailContent, at: Tail, terms: CopyTerms, call: Call): Promise<TailPut> => {
    const { settings, topicSeen } = terms;
    const bytes = content.bytesAt(at);
    const isInline = bytes.length <= inlineBytesMaxOf(target, settings);
    const uploaded = isInline
      ? undefined
      : (content.uploaded ?? (await spoolerFor(bytes.length).upload({ bytes, baseOffset: at.offset }, call)));
    const expiresAtSeconds = chunkExpirySeconds(target, settings, at.observation);
    const version = target.random.id();
    const chunk = content.chunkAt({ tail: at, version, expiresAtSeconds, bytes, span: uploaded?.span });
    const seen = { tail: at, uploaded: uploaded?.observation, entries: [{ topicSeen }] };
    const fences = atObservedTail ? appendFences(rules, seen) : [];
    const condition = { kind: 'ifAbsent' } as const;
    const result = await target.hot.put(chunkToItem(pk, chunk), { condition, fences }, call);
    if (result.stored) known = behind(chunk, result);
    const standing = result.stored ? undefined : lostTo(result, chunk);
    const isOwn = standing !== undefined && appendVersion(standing) === chunk.version && rules.tokenCheck;
    if (result.stored || isOwn) return { kind: 'stored', chunk, bytes: bytes.length };
    return { kind: 'lost', standing, uploaded };
  };

  /** Goes on behind what stands in the way. */
  const lostTo = (
    result: PutResult<number> & { readonly stored: false },
    chunk: Chunk,
  ): Chunk | undefined => {
    if (result.standing === undefined) return undefined;
    const standing = chunkFromItem(result.standing);
    known = behind(atObservedTail ? standing : chunk, result);
    return standing;
  };

  return {
    tail: async (call) => {
      known ??= (await readTail(target, pk, rules, call)).tail;
      return known;
    },
    get knownTail() {
      return known;
    },
    get isOld() {
      if (known === undefined || !rules.fence) return false;
      const now = { wallMs: target.clock.wallMs(), monotonicMs: target.clock.monotonicMs() };
      return observationAgeMs(known.observation, now) > LIMITS.fenceAgeMsMax;
    },
    put: async (content, terms, call) => {
      const at = known;
      known = undefined;
      if (at === undefined) return { kind: 'stale' };
      try {
        return await append(content, at, terms, call);
      } catch (fault) {
        if (isUnsentByFence(fault)) return { kind: 'stale' };
        throw fault;
      }
    },
    forget: () => {
      known = undefined;
    },
    pretend: (position) => {
      if (known !== undefined) known = { ...known, offset: position, closed: false };
    },
  };
}

/** The tail that a chunk leaves behind. */
function behind(chunk: Chunk, { observation }: Pick<Tail, 'observation'>): Tail {
  return {
    offset: chunk.endOffset,
    closed: chunk.body.kind === 'closed',
    observation,
    producersEnd: producersEndAt(chunk),
    origins: chunk.origins,
  };
}
