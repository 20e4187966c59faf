import type { EngineParts } from '../../engine-parts.ts';
import { appendFences } from '../../partition/append-fences.ts';
import { chunkExpirySeconds, inlineBytesMaxOf } from '../../partition/append-settings.ts';
import { appendVersion, type Chunk, chunkFromItem, chunkToItem } from '../../partition/chunk.ts';
import type { Spooler } from '../../partition/spooler.ts';
import { readTail, type Tail } from '../../partition/tail.ts';
import { producersEndAt } from '../../producer/chunk-producers.ts';
import type { Call } from '../../storage/call.ts';
import { isUnsentByFence } from '../../storage/fault.ts';
import type { PutResult } from '../../storage/table.ts';
import type { CopyTerms } from '../copy/copy-outcome.ts';
import type { CopiedBatch } from '../copy/read-source.ts';
import { composeMerged, mergedBytes, originOf } from './compose-merged.ts';

export type MergedPut =
  | { readonly kind: 'stored'; readonly chunk: Chunk; readonly bytes: number }
  /** Another chunk stands there: a local one, or another replicator's. What to copy is looked at anew. */
  | { readonly kind: 'lost' }
  /** Nothing was sent: what was seen before is too old. */
  | { readonly kind: 'stale' };

/** Appends what another region has produced to one partition that is written here too. */
export interface MergedWriter {
  /** The tail as it is known, else as it is read. Throws `StorageFault`. */
  tail(call: Call): Promise<Tail>;
  /** ⚑ Puts one chunk at exactly the tail that was answered last. Throws `StorageFault`; then the tail is read anew. */
  put(batches: readonly CopiedBatch[], terms: CopyTerms, call: Call): Promise<MergedPut>;
  forget(): void;
}

/**
 * ⚑ The tail says how far the log has the records of each region, so what comes next is decided and stored in one step: the
 * put succeeds only if nothing has been appended since, by anybody. A put lost shows the chunk that stands, which says both
 * anew. What is ambiguous is sent again as it is while the call lasts (`retryingTable`) and never elsewhere.
 */
export function createMergedWriter(
  target: EngineParts,
  spooler: Spooler,
  place: { readonly pk: string; readonly region: string },
): MergedWriter {
  const { rules } = target;
  const { pk, region } = place;
  let tail: Tail | undefined;

  const behind = (chunk: Chunk, { observation }: Pick<Tail, 'observation'>): Tail => ({
    offset: chunk.endOffset,
    closed: chunk.body.kind === 'closed',
    observation,
    producersEnd: producersEndAt(chunk),
    origins: chunk.origins,
  });

  const append = async (
    batches: readonly CopiedBatch[],
    at: Tail,
    { settings, topicSeen }: CopyTerms,
    call: Call,
  ): Promise<MergedPut> => {
    const bytes = mergedBytes(batches, at.offset);
    const uploaded =
      bytes.length <= inlineBytesMaxOf(target, settings)
        ? undefined
        : await spooler.upload({ bytes, baseOffset: at.offset }, call);
    const chunk = composeMerged(batches, {
      tail: at,
      origin: originOf(region, batches),
      version: target.random.id(),
      expiresAtSeconds: chunkExpirySeconds(target, settings, at.observation),
      bytes,
      span: uploaded?.span,
    });
    const entries = [{ topicSeen }];
    const fences = appendFences(rules, { tail: at, uploaded: uploaded?.observation, entries });
    const options = { condition: { kind: 'ifAbsent' } as const, fences };
    const result = await target.hot.put(chunkToItem(pk, chunk), options, call);
    if (!result.stored && !lostTo(result, chunk)) return { kind: 'lost' };
    tail = behind(chunk, result);
    return { kind: 'stored', chunk, bytes: bytes.length };
  };

  /** Goes on behind what stands in the way; true if that is this chunk. */
  const lostTo = (result: PutResult<number> & { readonly stored: false }, chunk: Chunk): boolean => {
    if (result.standing === undefined) return false;
    const standing = chunkFromItem(result.standing);
    tail = behind(standing, result);
    return appendVersion(standing) === chunk.version && rules.tokenCheck;
  };

  return {
    tail: async (call) => {
      tail ??= (await readTail(target, pk, rules, call)).tail;
      return tail;
    },
    put: async (batches, terms, call) => {
      const at = tail;
      tail = undefined;
      if (at === undefined) return { kind: 'lost' };
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
  };
}
