import { describe, expect, it } from 'vitest';
import { readBridgeArguments } from '../../../ops/bridge/arguments.ts';

const GIVEN = ['from-kafka', '--bootstrap', 'a:1,b:2', '--topic', 'orders'];

describe('the arguments of the bridge', () => {
  it('name a direction, brokers, a topic and where the log is', () => {
    const args = readBridgeArguments([...GIVEN, '--to=copy', '--data-dir=data', '--once'], {});
    expect(args).toEqual({
      direction: 'from-kafka',
      bootstrap: ['a:1', 'b:2'],
      topic: 'orders',
      to: 'copy',
      isOnce: true,
      place: { kind: 'local', dataDir: 'data' },
    });
  });

  it('the copy has the name of the topic, and the place is known as to the other commands', () => {
    const tables = ['--hot-table=h', '--catalog-table=c', '--bucket=b', '--region=r'];
    const place = { kind: 'aws', region: 'r', hotTable: 'h', catalogTable: 'c', bucket: 'b' };
    expect(readBridgeArguments([...GIVEN, ...tables], {})).toMatchObject({
      to: 'orders',
      isOnce: false,
      place,
    });
    expect(readBridgeArguments(GIVEN, { MILLRACE_DATA_DIR: 'd' })?.place).toEqual({
      kind: 'local',
      dataDir: 'd',
    });
  });

  it.each([
    [['--topic=t', '--bootstrap=a:1'], 'from-kafka or to-kafka'],
    [['sideways', '--topic=t', '--bootstrap=a:1'], 'from-kafka or to-kafka'],
    [['to-kafka', '--topic=t'], '--bootstrap is missing'],
    [['to-kafka', '--bootstrap=a:1'], '--topic is missing'],
    [[...GIVEN, '--hot-table=h'], 'belong together'],
    [[...GIVEN, '--speed=9'], '--speed'],
  ])('%j is refused: %s', (args, why) => {
    expect(() => readBridgeArguments(args, {})).toThrow(why);
  });

  it('help is help, whatever else is missing', () => {
    expect(readBridgeArguments(['--help'], {})).toBeUndefined();
  });
});
