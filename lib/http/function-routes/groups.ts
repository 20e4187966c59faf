import { routesOf } from '../mount.ts';
import type { Route } from '../route.ts';
import { v2ConsumerOffsetRoutes } from '../routes/v2-consumer-offsets.ts';
import { v2ConsumerPositionRoutes } from '../routes/v2-consumer-positions.ts';
import { v2ConsumerRecordRoutes } from '../routes/v2-consumer-records.ts';
import { v2ConsumerRoutes } from '../routes/v2-consumers.ts';
import { v3GroupLagRoutes } from '../routes/v3-group-lags.ts';
import { v3GroupOffsetRoutes } from '../routes/v3-group-offsets.ts';
import { v3GroupRoutes } from '../routes/v3-groups.ts';
import { v3TranslationRoutes } from '../routes/v3-translation.ts';

/** The groups `groups` and `positions`, for a function that serves nothing else and need not load the rest. */
export const GROUP_ROUTES: readonly Route[] = routesOf(
  [
    ...v2ConsumerRoutes,
    ...v2ConsumerRecordRoutes,
    ...v2ConsumerOffsetRoutes,
    ...v2ConsumerPositionRoutes,
    ...v3GroupRoutes,
    ...v3GroupLagRoutes,
    ...v3GroupOffsetRoutes,
    ...v3TranslationRoutes,
  ],
  'groups',
  'positions',
);
