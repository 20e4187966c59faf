import type { Exchange } from './route.ts';

/** How v3 objects name themselves and each other. */
export interface Resource {
  readonly self: string;
  readonly resource_name: string;
}

export interface V3Names {
  readonly clusterId: string;
  /** The URL of something below the cluster. */
  url(...path: readonly string[]): string;
  related(...path: readonly string[]): { readonly related: string };
  metadata(path: readonly string[], crn: Readonly<Record<string, string | number>>): Resource;
}

export function v3Names({ services, v3Url }: Exchange): V3Names {
  const { clusterId } = services.log;
  const url = (...path: readonly string[]): string =>
    [`${v3Url}/clusters/${clusterId}`, ...path.map(encodeURIComponent)].join('/');
  return {
    clusterId,
    url,
    related: (...path) => ({ related: url(...path) }),
    metadata: (path, crn) => ({
      self: url(...path),
      resource_name: [
        `crn:///kafka=${clusterId}`,
        ...Object.entries(crn).map(([kind, id]) => `${kind}=${id}`),
      ].join('/'),
    }),
  };
}

/** A list is whole: there is no paging. */
export function v3List(kind: string, self: string, data: readonly object[]): object {
  return { kind, metadata: { self, next: null }, data };
}
