import type { Route, RouteGroup } from './route.ts';

/** Where the v3 API begins: as in the REST Proxy, and as in Confluent Server. */
export const V3_PREFIXES: readonly string[] = ['/v3', '/kafka/v3'];

export interface MountedRoute {
  readonly method: string;
  /** Complete, v3 prefix included. */
  readonly path: string;
  readonly group: RouteGroup;
  readonly route: Route;
  /** `/v3`, `/kafka/v3`, or empty for v2. */
  readonly prefix: string;
}

/** Each route at every place where it answers. */
export function mountedRoutes(routes: readonly Route[]): readonly MountedRoute[] {
  return routes.flatMap((route) =>
    (route.api === 'v3' ? V3_PREFIXES : ['']).map((prefix) => ({
      method: route.method,
      path: prefix + route.path,
      group: route.group,
      route,
      prefix,
    })),
  );
}

export function routesOf(routes: readonly Route[], ...groups: readonly RouteGroup[]): readonly Route[] {
  return routes.filter(({ group }) => groups.includes(group));
}
