import { describe, expect, it } from 'vitest';
import { POSITION_ROUTES } from '../../../lib/http/function-routes/positions.ts';
import type { TranslatedOffset, TranslationRequest } from '../../../lib/translation.ts';
import { memoryStorage } from '../../support/log-on-memory.ts';
import { type Answered, openApi } from './support.ts';

const headers = { 'content-type': 'application/json' };

const FOUND: TranslatedOffset = {
  ...{ sourceTopic: 'orders', topic: 'west.orders', partition: 3, sourceOffset: 70 },
  ...{ offset: 50, state: 'TRANSLATED' },
};

/** Region `east`, whose translation answers `found` and keeps what it was asked. */
async function east(found: readonly TranslatedOffset[]): Promise<{
  readonly asked: TranslationRequest[];
  readonly translate: (body: unknown) => Promise<Answered>;
  readonly path: string;
}> {
  const asked: TranslationRequest[] = [];
  const translate = async (request: TranslationRequest): Promise<readonly TranslatedOffset[]> => {
    asked.push(request);
    return found;
  };
  const api = await openApi({ storage: memoryStorage(), translation: { region: 'east', translate } });
  const path = `/v3/clusters/${api.log.clusterId}/consumer-groups/my%20group/offsets:translate`;
  return { asked, path, translate: (body) => api.ask('POST', path, { headers, body }) };
}

describe('translating positions over HTTP', () => {
  it('asks for what the group has committed, and answers where it goes on', async () => {
    const { asked, translate, path } = await east([
      FOUND,
      {
        ...{ sourceTopic: undefined, topic: 'paid', partition: 0, sourceOffset: 9, offset: 9 },
        ...{ vector: new Map([['west', 8]]), state: 'CARRIED_OVER' },
      },
    ]);
    const { status, json } = await translate({ source_region: 'west' });
    expect(asked).toEqual([{ groupId: 'my group', source: 'west' }]);
    const common = {
      kind: 'MillraceTranslatedOffset',
      cluster_id: expect.any(String),
      consumer_group_id: 'my group',
      source_region: 'west',
    };
    expect(status).toBe(200);
    expect(json).toEqual({
      kind: 'MillraceTranslatedOffsetList',
      metadata: { self: `http://millrace.test${path}`, next: null },
      data: [
        {
          ...common,
          ...{ source_topic_name: 'orders', source_offset: 70, topic_name: 'west.orders', partition_id: 3 },
          ...{ offset: 50, vector: [], state: 'TRANSLATED' },
        },
        {
          ...common,
          ...{ source_topic_name: null, source_offset: 9, topic_name: 'paid', partition_id: 0 },
          ...{ offset: 9, vector: [{ region: 'west', offset: 8 }], state: 'CARRIED_OVER' },
        },
      ],
    });
  });

  it('calls every region by its alias, also those whose own records are meant', async () => {
    const vector = new Map([
      ['', 60],
      ['north', 4],
    ]);
    const { asked, translate } = await east([{ ...FOUND, vector }]);
    const place = { topic_name: 'orders', partition_id: 3, offset: 70 };
    const read = [
      { region: 'west', offset: 75 },
      { region: 'east', offset: 60 },
    ];
    const { json } = await translate({ source_region: 'west', data: [place, { ...place, vector: read }] });
    const offset = { topic: 'orders', partition: 3, offset: 70 };
    expect(asked[0]?.offsets).toEqual([
      offset,
      {
        ...offset,
        vector: new Map([
          ['', 75],
          ['east', 60],
        ]),
      },
    ]);
    expect(json.data[0].vector).toEqual([
      { region: 'east', offset: 60 },
      { region: 'north', offset: 4 },
    ]);
  });

  it.each([
    ['no source', {}],
    ['no position', { source_region: 'west', data: [] }],
    ['half a position', { source_region: 'west', data: [{ topic_name: 'orders', partition_id: 0 }] }],
    [
      'a negative offset',
      { source_region: 'west', data: [{ topic_name: 'orders', partition_id: 0, offset: -1 }] },
    ],
    ['what nobody knows', { source_region: 'west', target: 'east' }],
  ])('%s: 422, and nothing is asked', async (_, body) => {
    const { asked, translate } = await east([]);
    expect(await translate(body)).toMatchObject({ status: 422 });
    expect(asked).toEqual([]);
  });

  it('is not there without other regions', async () => {
    const api = await openApi();
    const path = `/v3/clusters/${api.log.clusterId}/consumer-groups/g/offsets:translate`;
    const answer = await api.ask('POST', path, { headers, body: { source_region: 'west' } });
    expect(answer).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining('no other regions') },
    });
  });

  it('is served with resetting alone, by who has no other business with groups', async () => {
    const { groups, log, ask } = await openApi({ routes: POSITION_ROUTES });
    expect(groups).toBeDefined();
    const path = `/v3/clusters/${log.clusterId}/consumer-groups/g`;
    const body = { data: [{ topic_name: 't', to: 'EARLIEST' }] };
    expect(await ask('POST', `${path}/offsets:reset`, { headers, body })).toMatchObject({
      status: 404,
      json: { kafka_error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    });
    expect((await ask('GET', `${path}/offsets`)).json.message).toBe('HTTP 404 Not Found');
  });
});
