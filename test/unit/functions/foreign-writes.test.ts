import { describe, expect, it } from 'vitest';
import { foreignWriteCounter } from '../../../functions/foreign-writes.ts';
import { consoleLines } from './console-lines.ts';

const written = consoleLines();

describe('a write into a remote topic that is refused', () => {
  it('counts under the names that the alarm looks at', () => {
    const count = foreignWriteCounter({ stack: 'S' });
    count();
    count();
    const line = expect.objectContaining({ ForeignWrites: 1, service: 'replication', stack: 'S' });
    expect(written.lines).toEqual([line, line]);
  });
});
