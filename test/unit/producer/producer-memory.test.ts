import { describe, expect, it } from 'vitest';
import { createProducerMemory } from '../../../lib/producer/producer-memory.ts';

describe('the memory of producers', () => {
  it('drops what was asked for longest ago, as much as it takes, and never what is being asked for', () => {
    const dropped: string[] = [];
    const memory = createProducerMemory(13);
    const used = (pk: string, count: number): void => memory.used(pk, count, () => dropped.push(pk));
    used('a', 4);
    used('b', 4);
    used('a', 5);
    expect(dropped).toEqual([]);
    used('c', 2);
    expect(dropped).toEqual(['b']);
    used('d', 50);
    expect(dropped).toEqual(['b', 'a', 'c']);
    used('e', 1);
    expect(dropped).toEqual(['b', 'a', 'c', 'd']);
  });
});
