import { openMaintenance } from '../lib/maintenance.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

/**
 * Topics, configs, flows, the region as a whole, jobs on request, and whatever no route of the gateway names: paths with a colon (`records:batch`) or a trailing
 * slash may belong to any group.
 */
export const handler: HttpFunction = logFunction({
  service: 'admin',
  groups: ['admin', 'produce', 'fetch'],
  mayInitialize: true,
  managesRegion: true,
  maintenance: (parts) => openMaintenance(parts, { leavesToExpiry: true }),
});
