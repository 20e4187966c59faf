import SwaggerParser from '@apidevtools/swagger-parser';
import { describe, expect, it } from 'vitest';
import { mountedRoutes } from '../../../lib/http/mount.ts';
import { ALL_ROUTES, ROUTES } from '../../../lib/http/routes.ts';
import { openApi } from './support.ts';

describe('the OpenAPI document', () => {
  it('is served, valid, and names every route at every place', async () => {
    const api = await openApi();
    const answer = await api.ask('GET', '/openapi.json');
    expect(answer.headers['Content-Type']).toBe('application/json');
    expect(answer.json.openapi).toBe('3.1.0');
    await SwaggerParser.validate(structuredClone(answer.json));
    for (const { method, path } of mountedRoutes(ALL_ROUTES)) {
      expect(answer.json.paths[path]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined();
    }
  });

  it('says what the checks say', async () => {
    const { json } = await (await openApi()).ask('GET', '/openapi.json');
    const { TopicProduce, V3NewTopicBody } = json.components.schemas;
    expect(TopicProduce).toMatchObject({ required: ['records'], additionalProperties: false });
    expect(TopicProduce.properties.records.minItems).toBe(1);
    expect(V3NewTopicBody.required).toEqual(['topic_name']);
  });
});

describe('the table for gateways', () => {
  it('has no colon and no path twice for one method', () => {
    const keys = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.filter((key) => key.includes(':'))).toEqual([]);
    // The most that an HTTP API takes.
    expect(keys.length).toBeLessThan(300);
  });

  it('sends writing to produce, reading to fetch and the rest to admin', () => {
    const groupOf = (method: string, path: string): string | undefined =>
      ROUTES.find((route) => route.method === method && route.path === path)?.group;
    expect(groupOf('POST', '/topics/{topic}')).toBe('produce');
    expect(groupOf('POST', '/kafka/v3/clusters/{cluster}/topics/{topic}/records')).toBe('produce');
    expect(groupOf('GET', '/topics/{topic}/partitions/{partition}/records')).toBe('fetch');
    expect(groupOf('GET', '/v3/clusters/{cluster}/topics/{topic}/partitions/{partition}/offset')).toBe(
      'fetch',
    );
    expect(groupOf('DELETE', '/v3/clusters/{cluster}/topics/{topic}')).toBe('admin');
  });

  it('sends what is done to the positions of a group by an action to who may do that alone', () => {
    const actions = ROUTES.filter(({ path }) => path.endsWith('/consumer-groups/{group}/{action}'));
    expect(actions.map(({ method, group }) => `${method} ${group}`)).toEqual([
      'POST positions',
      'POST positions',
    ]);
    expect(ROUTES.filter(({ group }) => group === 'positions')).toEqual(actions);
  });

  it('sends all that consumer instances do to groups, actions with a colon too', () => {
    const consumers = ROUTES.filter(({ path }) => path.startsWith('/consumers/'));
    expect(consumers.map(({ group }) => group)).toEqual(consumers.map(() => 'groups'));
    const actions = consumers.filter(({ path }) => path.endsWith('/{action}'));
    expect(actions).toEqual([
      { method: 'POST', path: '/consumers/{group}/instances/{instance}/{action}', group: 'groups' },
    ]);
  });
});
