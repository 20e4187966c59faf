import type { EngineParts } from '../../engine-parts.ts';
import { HERE, joinedVectors } from '../../group/offsets/vector.ts';
import type { Vector } from '../../groups.ts';
import { readTail } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { firstFrom, originsAt, type SeenLog } from './origins-at.ts';
import { createOwnScan, type KnownCopies, type OffsetRange, type OwnScan } from './own-scan.ts';

type Side = Pick<EngineParts, 'hot' | 'catalog' | 'rules'>;

export interface TranslatedPlace {
  /** `<topic id>:<partition>` in both regions. */
  readonly sourcePk: string;
  readonly targetPk: string;
}

/** Where somebody goes on, and what he has read behind that. */
export interface LogPosition {
  readonly offset: number;
  readonly vector?: Vector;
}

export interface TranslatedPosition extends LogPosition {
  /**
   * Whether it is the same however much is copied later. If not, everything that is here has been read, and some of the
   * source's own records that have been read there are missing here.
   */
  readonly isFinal: boolean;
}

/** Translates positions in merged topics from one region to another. Keeps nothing but what never changes. */
export interface PositionTranslator {
  /**
   * Where somebody goes on in the target who stands at a position in the source: the first offset such that nothing is lost.
   * ⚑ Behind it stands everything that he has not read there, whichever region it was produced in; the vector says what he
   * has read of what stands behind it too, at most about what had not been copied one way or the other. Never beyond the
   * target's end. Some thirty small reads. Throws `StorageFault`.
   */
  translate(place: TranslatedPlace, position: LogPosition, call: Call): Promise<TranslatedPosition>;
}

export interface TranslatorSides {
  readonly source: Side & { readonly alias: string };
  readonly target: Side & { readonly alias: string };
}

/** Both logs may be sealed or trimmed while they are looked at, and the target may have more than one look goes through. */
const TRIES_MAX = 4;

const REMEMBERED_MAX = 20_000;
const SOURCE_PAGES_MAX = 32;

/** What never changes, and is kept between one run and the next. */
export interface TranslatorMemory {
  /** What is final: of a group's positions few have moved since they were looked at last. */
  readonly translations: Map<string, TranslatedPosition>;
  readonly source: KnownCopies;
  readonly target: KnownCopies;
}

export function translatorMemory(): TranslatorMemory {
  return { translations: new Map(), source: new Map(), target: new Map() };
}

export function createPositionTranslator(
  sides: TranslatorSides,
  memory: TranslatorMemory = translatorMemory(),
): PositionTranslator {
  const { translations } = memory;
  const scans = {
    // It only tells whether something is still to come: a source that produces nothing itself is gone through bit by bit.
    source: createOwnScan({ ...sides.source, pagesMax: SOURCE_PAGES_MAX, endsEarly: true }, memory.source),
    target: createOwnScan(sides.target, memory.target),
  };

  const translate: PositionTranslator['translate'] = async (place, position, call) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await translated({ sides, scans }, place, position, call);
      } catch (fault) {
        const isMoved = fault instanceof StorageFault && fault.kind === 'throttled';
        if (!isMoved || tries === TRIES_MAX) throw fault;
      }
    }
  };
  return {
    translate: async (place, position, call) => {
      const key = JSON.stringify([
        place.sourcePk,
        place.targetPk,
        position.offset,
        ...(position.vector ?? []),
      ]);
      const known = translations.get(key) ?? (await translate(place, position, call));
      if (translations.size >= REMEMBERED_MAX) translations.clear();
      if (known.isFinal) translations.set(key, known);
      return known;
    },
  };
}

interface Parts {
  readonly sides: TranslatorSides;
  readonly scans: { readonly source: OwnScan; readonly target: OwnScan };
}

async function translated(
  { sides, scans }: Parts,
  place: TranslatedPlace,
  { offset, vector }: LogPosition,
  call: Call,
): Promise<TranslatedPosition> {
  const { source, target } = sides;
  const [there, here] = await Promise.all([
    seen(source, place.sourcePk, call),
    seen(target, place.targetPk, call),
  ]);
  const readThere = joinedVectors(await readAt(source, there, offset, call), vector) ?? new Map();
  const read = inTarget(readThere, sides, here.tail.offset);
  const first = await firstUnread({ target, scan: scans.target }, here, read, call);
  const known = await readAt(target, here, first, call);
  const isAtEnd = first >= here.tail.offset;
  const range = { from: known.get(source.alias) ?? 0, to: read.get(source.alias) ?? 0 };
  const isMissing = await hasOwn({ scan: scans.source }, there, range, call);
  const rest = new Map([...read].filter(([region, next]) => next > (known.get(region) ?? 0)));
  // ⚑ What the source has deleted may stand here.
  if (!isMissing && (isAtEnd || range.from >= there.bounds.logStart)) rest.delete(source.alias);
  return { offset: first, ...(rest.size === 0 ? {} : { vector: rest }), isFinal: !isAtEnd || !isMissing };
}

/**
 * What somebody has read of each region who has read a log up to `offset`. ⚑ Of what was deleted nobody knows what it stood
 * between: there it is the log's own records alone.
 */
async function readAt(tables: Side, log: SeenLog, offset: number, call: Call): Promise<Vector> {
  const foreign = offset < log.bounds.logStart ? [] : await originsAt(tables, log, offset, call);
  return new Map([...foreign, [HERE, offset]]);
}

/** In the terms of the target. ⚑ Of its own records nobody has read more than there are. */
function inTarget(readThere: Vector, { source, target }: TranslatorSides, targetEnd: number): Vector {
  const read = new Map<string, number>();
  for (const [region, next] of readThere) {
    if (region === target.alias) read.set(HERE, Math.min(next, targetEnd));
    else read.set(region === HERE ? source.alias : region, next);
  }
  return read;
}

/** The first offset of the log at which a record stands that has not been read; its end if there is none. */
async function firstUnread(
  { target, scan }: { readonly target: Side; readonly scan: OwnScan },
  log: SeenLog,
  read: Vector,
  call: Call,
): Promise<number> {
  const { tail, bounds } = log;
  const regions = [...(tail.origins?.keys() ?? [])];
  const firsts = await Promise.all(
    regions.map((region) => firstFrom(target, log, { region, sourceOffset: read.get(region) ?? 0 }, call)),
  );
  const to = Math.min(tail.offset, ...firsts);
  const from = Math.max(read.get(HERE) ?? 0, bounds.logStart);
  return Math.max(bounds.logStart, await scan.firstOwn(log, { from, to }, call));
}

/** Whether something that was produced in the log's region stands in the range. */
async function hasOwn(
  { scan }: { readonly scan: OwnScan },
  log: SeenLog,
  range: OffsetRange,
  call: Call,
): Promise<boolean> {
  const to = Math.min(range.to, log.tail.offset);
  const from = Math.max(range.from, log.bounds.logStart);
  return (await scan.firstOwn(log, { from, to }, call)) < to;
}

async function seen(parts: Side, pk: string, call: Call): Promise<SeenLog> {
  return { pk, ...(await readTail(parts, pk, parts.rules, call)) };
}
