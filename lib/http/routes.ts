import { type MountedRoute, mountedRoutes } from './mount.ts';
import type { Route, RouteGroup } from './route.ts';
import { adminRoutes } from './routes/admin.ts';
import { producerIdRoutes } from './routes/producer-ids.ts';
import { v2ConsumerOffsetRoutes } from './routes/v2-consumer-offsets.ts';
import { v2ConsumerPositionRoutes } from './routes/v2-consumer-positions.ts';
import { v2ConsumerRecordRoutes } from './routes/v2-consumer-records.ts';
import { v2ConsumerRoutes } from './routes/v2-consumers.ts';
import { v2FetchRoutes } from './routes/v2-fetch.ts';
import { v2ProduceRoutes } from './routes/v2-produce.ts';
import { v2TopicRoutes } from './routes/v2-topics.ts';
import { v3ClusterRoutes } from './routes/v3-clusters.ts';
import { v3ConfigRoutes } from './routes/v3-configs.ts';
import { v3DeletionRoutes } from './routes/v3-deletion.ts';
import { v3FlowRoutes } from './routes/v3-flows.ts';
import { v3GroupLagRoutes } from './routes/v3-group-lags.ts';
import { v3GroupOffsetRoutes } from './routes/v3-group-offsets.ts';
import { v3GroupRoutes } from './routes/v3-groups.ts';
import { v3MaintenanceRoutes } from './routes/v3-maintenance.ts';
import { v3PartitionRoutes } from './routes/v3-partitions.ts';
import { v3RecordRoutes } from './routes/v3-records.ts';
import { v3RegionRoutes } from './routes/v3-region.ts';
import { v3TopicRoutes } from './routes/v3-topics.ts';
import { v3TranslationRoutes } from './routes/v3-translation.ts';

/** Every route once. A function that serves one group of them has that alone: `function-routes`. */
export const ALL_ROUTES: readonly Route[] = [
  ...v2ProduceRoutes,
  ...producerIdRoutes,
  ...v2FetchRoutes,
  ...v2TopicRoutes,
  ...v2ConsumerRoutes,
  ...v2ConsumerRecordRoutes,
  ...v2ConsumerOffsetRoutes,
  ...v2ConsumerPositionRoutes,
  ...adminRoutes,
  ...v3ClusterRoutes,
  ...v3TopicRoutes,
  ...v3ConfigRoutes,
  ...v3PartitionRoutes,
  ...v3RecordRoutes,
  ...v3DeletionRoutes,
  ...v3GroupRoutes,
  ...v3GroupLagRoutes,
  ...v3GroupOffsetRoutes,
  ...v3MaintenanceRoutes,
  ...v3FlowRoutes,
  ...v3RegionRoutes,
  ...v3TranslationRoutes,
];

export interface GatewayRoute {
  readonly method: string;
  readonly path: string;
  readonly group: RouteGroup;
}

/** Groups whose last segments may be told by a parameter. */
const BY_PARAMETER: ReadonlySet<RouteGroup> = new Set(['groups', 'positions']);

/**
 * What a gateway needs to know to send each request to the function with the least privilege that can serve it.
 *
 * Some last segments hold a colon, which gateways do not take in a template: `configs:alter`, `records:delete`,
 * `maintenance:run`, `region:freeze` (admin) and `records:batch` (produce). They are left out here, and so is whatever a gateway cannot
 * express: a default route has to send the rest to a function that mounts **all** groups, which answers 404 and 405 in
 * this API's own shape too. Of the groups' own paths and those of their positions such a segment becomes a parameter, because
 * the default function has no business with groups. Paths keep their `{name}` parameters, all of which are single segments.
 */
export const ROUTES: readonly GatewayRoute[] = gatewayRoutes(mountedRoutes(ALL_ROUTES));

function gatewayRoutes(mounted: readonly MountedRoute[]): readonly GatewayRoute[] {
  const routes = new Map<string, GatewayRoute>();
  for (const { method, path: whole, group } of mounted) {
    const path = BY_PARAMETER.has(group) ? whole.replace(/\/[^/]*:[^/]*$/, '/{action}') : whole;
    if (!path.includes(':')) routes.set(`${method} ${path}`, { method, path, group });
  }
  return [...routes.values()];
}
