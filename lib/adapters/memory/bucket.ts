import type { Bucket } from '../../storage/bucket.ts';
import type { Clock } from '../../storage/clock.ts';
import { checkObjectKey, checkObjectRange } from '../../storage/object-key.ts';
import { observeNow } from '../../storage/observation.ts';
import { objectGetUsage, objectPutUsage } from '../../storage/units.ts';

/** Objects that live as long as the process. */
export function memoryBucket(options: { readonly clock: Clock }): Bucket {
  const { clock } = options;
  const objects = new Map<string, { readonly bytes: Uint8Array; readonly modifiedMs: number }>();

  return {
    put: async (key, bytes, call) => {
      checkObjectKey(key);
      const observation = observeNow(clock);
      call.meter.add(objectPutUsage(bytes.byteLength));
      if (!objects.has(key)) objects.set(key, { bytes: bytes.slice(), modifiedMs: clock.wallMs() });
      return { observation };
    },

    get: async (key, range, call) => {
      checkObjectKey(key);
      const whole = objects.get(key)?.bytes;
      if (whole !== undefined && range !== undefined) checkObjectRange(key, range, whole.byteLength);
      const bytes =
        range === undefined ? whole?.slice() : whole?.slice(range.start, range.start + range.length);
      call.meter.add(objectGetUsage(bytes?.byteLength ?? 0));
      return bytes;
    },

    list: async (prefix, { after, limit }, call) => {
      call.meter.add({ objectLists: 1 });
      // Keys are ASCII, so the order of their characters is the order of their bytes.
      const keys = [...objects.keys()].filter(
        (key) => key.startsWith(prefix) && (after === undefined || key > after),
      );
      const page = keys.sort((a, b) => (a < b ? -1 : 1)).slice(0, limit);
      return {
        objects: page.flatMap((key) => {
          const object = objects.get(key);
          return object ? [{ key, bytes: object.bytes.byteLength, modifiedMs: object.modifiedMs }] : [];
        }),
        more: page.length < keys.length,
      };
    },

    delete: async (keys, call) => {
      call.meter.add({ objectDeletes: keys.length });
      for (const key of keys) {
        checkObjectKey(key);
        objects.delete(key);
      }
    },
  };
}
