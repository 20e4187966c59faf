import type { Route } from '../route.ts';
import { producerIdRoutes } from '../routes/producer-ids.ts';
import { v2ProduceRoutes } from '../routes/v2-produce.ts';
import { v3RecordRoutes } from '../routes/v3-records.ts';

/** The group `produce`, for a function that serves nothing else and need not load the rest. */
export const PRODUCE_ROUTES: readonly Route[] = [...v2ProduceRoutes, ...producerIdRoutes, ...v3RecordRoutes];
