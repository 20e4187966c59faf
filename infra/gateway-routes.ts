import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import { ROUTES } from '../lib/http/routes.ts';

/** A route of the gateway; everything that has none goes to the admin function. */
export interface GatewayRoute {
  readonly path: string;
  readonly methods: readonly HttpMethod[];
  readonly group: 'produce' | 'fetch' | 'groups' | 'positions';
}

/**
 * The gateway's routes, derived from the ones that the handler answers. Paths with a colon are not among them, and
 * neither are the admin group's: the default route goes to the function that serves those.
 */
export function gatewayRoutes(): readonly GatewayRoute[] {
  return ROUTES.flatMap(({ method, path, group }) =>
    group === 'admin' ? [] : [{ path, methods: [methodOf(method)], group }],
  );
}

function methodOf(name: string): HttpMethod {
  const method = Object.values(HttpMethod).find((known) => known === name);
  if (method === undefined) throw new Error(`API Gateway has no method ${name}`);
  return method;
}
