import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod/mini';

/** How many schemas were made; nothing else of zod is altered. */
const made = vi.hoisted(() => ({ count: 0 }));

vi.mock(import('zod/mini'), async (importOriginal) => {
  const original = await importOriginal();
  const counted = (value: unknown): unknown =>
    typeof value !== 'function'
      ? value
      : (...given: unknown[]) => {
          made.count += 1;
          return value(...given);
        };
  return Object.fromEntries(
    Object.entries(original).map(([name, value]) => [name, /^[a-z]/.test(name) ? counted(value) : value]),
  ) as typeof original;
});

describe('schemas', () => {
  it('are not built when the routes are loaded', async () => {
    const { ALL_ROUTES } = await import('../../../lib/http/routes.ts');
    expect(ALL_ROUTES.length).toBeGreaterThan(50);
    expect(made.count).toBe(0);
    z.string();
    expect(made.count).toBe(1);
  });

  it('are built once, by the first request that needs them', async () => {
    const { AdminTopic } = await import('../../../lib/http/schemas/v2.ts');
    const before = made.count;
    const built = AdminTopic();
    expect(made.count).toBeGreaterThan(before);
    const after = made.count;
    expect(AdminTopic()).toBe(built);
    expect(made.count).toBe(after);
  });
});
