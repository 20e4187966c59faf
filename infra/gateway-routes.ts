import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
export interface GatewayRoute {
  readonly path: string;
  readonly methods: readonly HttpMethod[];
  readonly group: 'produce' | 'fetch';
}
export function gatewayRoutes(): readonly GatewayRoute[] {
  return [{ path: '/x', methods: [HttpMethod.GET], group: 'fetch' }];
}
