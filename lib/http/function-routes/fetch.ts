import { routesOf } from '../mount.ts';
import type { Route } from '../route.ts';
import { v2FetchRoutes } from '../routes/v2-fetch.ts';
import { v2TopicRoutes } from '../routes/v2-topics.ts';
import { v3PartitionRoutes } from '../routes/v3-partitions.ts';

/** The group `fetch`, for a function that serves nothing else and need not load the rest. */
export const FETCH_ROUTES: readonly Route[] = routesOf(
  [...v2FetchRoutes, ...v2TopicRoutes, ...v3PartitionRoutes],
  'fetch',
);
