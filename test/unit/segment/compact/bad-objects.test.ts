import { describe, expect, it } from 'vitest';
import { segmentToItem } from '../../../../lib/segment/segment-item.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import { newCall } from '../../../support/log-on-memory.ts';
import { kvs, openWorld, textsOf, type World } from './support.ts';

/** Three segments; the object of the second is replaced by what `spoil` makes of it. */
async function worldWith(
  spoil: (bytes: Uint8Array, world: World) => Promise<Uint8Array | undefined>,
): Promise<{
  readonly world: World;
  readonly objectKey: string;
}> {
  const world = await openWorld();
  await world.produce([kvs('a1 b1')]);
  await world.produce([kvs('c1 d1'), kvs('e1')]);
  await world.produce([kvs('a2 c2')]);
  await world.seal();
  const { bucket } = world.parts;
  const objectKey = (await world.segments())[1]?.objectKey ?? '';
  const call = newCall(world.clock);
  const bytes = await bucket.get(objectKey, undefined, call);
  if (bytes === undefined) throw new Error('no object');
  const spoiled = await spoil(Uint8Array.from(bytes), world);
  await bucket.delete([objectKey], call);
  if (spoiled !== undefined) await bucket.put(objectKey, spoiled, call);
  return { world, objectKey };
}

describe('compaction of a log with a bad object', () => {
  const changed = (at: number) => async (bytes: Uint8Array) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
    return bytes;
  };

  it.each([
    ['is missing', async () => undefined],
    ['is cut', async (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ['has a changed byte in a record', changed(70)],
    ['has a changed byte in a length', changed(9)],
    ['has a changed codec', changed(22)],
    ['has a changed base offset', changed(7)],
    [
      'is another segment’s',
      async (bytes: Uint8Array, world: World) => {
        const other = (await world.segments())[0]?.objectKey ?? '';
        const foreign = await world.parts.bucket.get(other, undefined, newCall(world.clock));
        return Buffer.concat([foreign ?? new Uint8Array(), bytes]).subarray(0, bytes.length);
      },
    ],
    ['is no log', async (bytes: Uint8Array) => bytes.fill(7)],
  ] as const)('that %s names it and changes nothing', async (_, spoil) => {
    const { world, objectKey } = await worldWith(spoil);
    const before = await world.segments();
    const fault: unknown = await world.compact().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(StorageFault);
    expect(fault).toMatchObject({ kind: 'damaged' });
    expect(String(fault)).toContain(objectKey);
    expect(await world.segments()).toEqual(before);
    expect(await world.checkpoint()).toMatchObject({ cleanTo: 0 });
  });

  it('damaged after its map was built leaves the damaged segment as it is', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('c1 d1')]);
    await world.produce([kvs('a2 c2')]);
    await world.seal();
    const [, second] = await world.segments();
    const reads: string[] = [];
    const { bucket } = world.parts;
    const spoiling = {
      ...world.parts,
      bucket: {
        ...bucket,
        get: async (...args: Parameters<typeof bucket.get>) => {
          const bytes = await bucket.get(...args);
          reads.push(args[0]);
          const isSecondLook = reads.filter((key) => key === second?.objectKey).length > 1;
          if (args[0] === second?.objectKey && isSecondLook && bytes !== undefined) bytes[75] = 0xff;
          return bytes;
        },
      },
    };
    await expect(world.compact({}, spoiling)).rejects.toThrow(second?.objectKey);
    expect((await world.segments())[1]).toEqual(second);
    expect(await world.checkpoint()).toMatchObject({ cleanTo: 0 });
    expect(await world.violations()).toEqual([]);
    // The fault was in the reading: the next run goes on and comes to the end.
    expect(await world.compact()).toMatchObject({ kind: 'compacted', cleanTo: 6 });
    expect(await world.violations()).toEqual([]);
  });

  it('is no damage where the item has moved on meanwhile', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('a2')]);
    await world.seal();
    const [first] = await world.segments();
    const { bucket, catalog } = world.parts;
    let isMoved = false;
    const moving = {
      ...world.parts,
      bucket: {
        ...bucket,
        get: async (...args: Parameters<typeof bucket.get>) => {
          const [key, range, call] = args;
          const isClean = (await world.checkpoint()).pass !== undefined;
          if (key === first?.objectKey && isClean && !isMoved) {
            isMoved = true;
            // Somebody gives the segment another object, and the old one is collected.
            const bytes = await bucket.get(key, undefined, call);
            await bucket.put('segments/x/0/other/1.log', bytes ?? new Uint8Array(), call);
            const item = segmentToItem(world.pk, {
              ...first,
              version: 'another',
              objectKey: 'segments/x/0/other/1.log',
            });
            await catalog.put(item, { condition: { kind: 'ifVersion', version: first.version } }, call);
            await bucket.delete([key], call);
          }
          return bucket.get(key, range, call);
        },
      },
    };
    expect(await world.compact({}, moving)).toMatchObject({ kind: 'compacted' });
    expect(isMoved).toBe(true);
    expect(textsOf(await world.readAll())).toBe('1:b1 2:a2');
  });

  it.each([
    ['gone', undefined],
    ['not the one that was stored', Buffer.from('no map')],
  ])('whose map is %s begins a new pass', async (_, instead) => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('a2')]);
    await world.seal();
    const { catalog } = world.parts;
    const stopped = {
      ...world.parts,
      catalog: {
        ...catalog,
        put: async (...args: Parameters<typeof catalog.put>) => {
          if (args[0].sk !== 'clean') throw new StorageFault('refused', 'stopped');
          return catalog.put(...args);
        },
      },
    };
    await expect(world.compact({}, stopped)).rejects.toThrow('stopped');
    const { pass } = await world.checkpoint();
    const { bucket } = world.parts;
    await bucket.delete([pass?.mapKey ?? ''], newCall(world.clock));
    if (instead !== undefined) await bucket.put(pass?.mapKey ?? '', instead, newCall(world.clock));
    expect(await world.compact()).toEqual({ kind: 'lost' });
    expect(await world.compact()).toMatchObject({ kind: 'compacted', cleanTo: 3 });
    expect(textsOf(await world.readAll())).toBe('1:b1 2:a2');
  });
});
