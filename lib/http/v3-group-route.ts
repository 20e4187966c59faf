import { jsonResponse, MEDIA } from './message.ts';
import type { Exchange, Route } from './route.ts';
import type { Schema } from './schemas/common.ts';
import type { V3Names } from './v3-links.ts';

export const GROUPS = '/clusters/{cluster}/consumer-groups';
export const GROUP: string = `${GROUPS}/{group}`;

/** A consumer group, and how it is named. */
export interface GroupPath {
  readonly names: V3Names;
  readonly groupId: string;
  /** Of its URL, below the cluster. */
  readonly path: readonly string[];
  readonly crn: Readonly<Record<string, string | number>>;
}

/** Any character may occur in a group id; in a resource name it must not look like the next part. */
export function groupPath(names: V3Names, groupId: string): GroupPath {
  const crn = { 'consumer-group': encodeURIComponent(groupId) };
  return { names, groupId, path: ['consumer-groups', groupId], crn };
}

/** A route that answers what `body` makes, with 200. */
export function groupRoute(
  route: {
    readonly path: string;
    readonly method?: string;
    readonly operationId: string;
    readonly summary: string;
    readonly body?: Schema;
    readonly answer: Schema;
  },
  body: (exchange: Exchange) => Promise<object>,
): Route {
  const { path, method = 'GET', operationId, summary } = route;
  return {
    method,
    path,
    group: 'groups',
    api: 'v3',
    doc: {
      operationId,
      summary,
      ...(route.body === undefined ? {} : { body: { [MEDIA.json]: route.body } }),
      responses: { 200: { description: summary, content: { [MEDIA.json]: route.answer } } },
    },
    handle: async (exchange) => jsonResponse(200, MEDIA.json, await body(exchange)),
  };
}
