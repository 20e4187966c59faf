import { describe, expect, it } from 'vitest';
import { FETCH_ROUTES } from '../../../lib/http/function-routes/fetch.ts';
import { GROUP_ROUTES } from '../../../lib/http/function-routes/groups.ts';
import { POSITION_ROUTES } from '../../../lib/http/function-routes/positions.ts';
import { PRODUCE_ROUTES } from '../../../lib/http/function-routes/produce.ts';
import { routesOf } from '../../../lib/http/mount.ts';
import { EVERY_ROUTE_GROUP, type Route, type RouteGroup } from '../../../lib/http/route.ts';
import { ALL_ROUTES } from '../../../lib/http/routes.ts';

const SERVED: readonly (readonly [readonly RouteGroup[], readonly Route[]])[] = [
  [['produce'], PRODUCE_ROUTES],
  [['fetch'], FETCH_ROUTES],
  [['groups', 'positions'], GROUP_ROUTES],
  [['positions'], POSITION_ROUTES],
];

describe('what a function serves', () => {
  it.each(SERVED)('are the routes of %s, all of them and no others', (groups, routes) => {
    const expected = routesOf(ALL_ROUTES, ...groups);
    expect(expected.length).toBeGreaterThan(0);
    expect(routes).toHaveLength(expected.length);
    expect(new Set(routes)).toEqual(new Set(expected));
  });

  it('is every group, with what the admin function serves', () => {
    const served = new Set<RouteGroup>(['admin', ...SERVED.flatMap(([groups]) => groups)]);
    expect([...served].sort()).toEqual([...EVERY_ROUTE_GROUP].sort());
  });
});
