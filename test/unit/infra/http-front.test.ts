import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../../lib/http/routes.ts';
import { functionBehind, routesOf, stackTemplate } from './stack-template.ts';

const JWT = { jwtIssuer: 'https://issuer.example', jwtAudience: ['millrace', 'reports'] } as const;

// Made while the file is loaded: the first one takes CDK seconds on a busy machine.
const signed = stackTemplate();
const withTokens = stackTemplate(JWT);

describe('the HTTP API', () => {
  it('asks every caller on every route for a signature', () => {
    const routes = routesOf(signed);
    expect(routes.length).toBeGreaterThan(3);
    expect(routes.filter(({ AuthorizationType }) => AuthorizationType !== 'AWS_IAM')).toEqual([]);
  });

  it('asks every caller on every route for a token of the issuer and audience, if it is told to', () => {
    const template = withTokens;
    template.resourceCountIs('AWS::ApiGatewayV2::Authorizer', 1);
    template.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      IdentitySource: ['$request.header.Authorization'],
      JwtConfiguration: { Issuer: 'https://issuer.example', Audience: ['millrace', 'reports'] },
    });
    const routes = routesOf(template);
    expect(routes.length).toBe(routesOf(signed).length);
    for (const route of routes) {
      expect(route).toMatchObject({ AuthorizationType: 'JWT', AuthorizerId: { Ref: expect.any(String) } });
    }
  });

  it('refuses an issuer without an audience, and an audience without an issuer', () => {
    expect(() => stackTemplate({ jwtIssuer: JWT.jwtIssuer })).toThrow(/jwtAudience/);
    expect(() => stackTemplate({ jwtIssuer: JWT.jwtIssuer, jwtAudience: [] })).toThrow(/jwtAudience/);
    expect(() => stackTemplate({ jwtAudience: ['millrace'] })).toThrow(/jwtIssuer/);
  });

  it.each([
    ['POST /topics/{topic}', 'Produce'],
    ['POST /topics/{topic}/partitions/{partition}', 'Produce'],
    ['GET /topics/{topic}/partitions/{partition}/records', 'Fetch'],
    ['GET /topics/{topic}/partitions/{partition}/offsets', 'Fetch'],
    ['GET /v3/clusters/{cluster}/consumer-groups', 'Groups'],
    ['$default', 'Admin'],
  ])('sends %s to the %s function', (routeKey, name) => {
    expect(functionBehind(signed, routeKey)).toMatch(new RegExp(`^${name}Function`));
  });

  it('has a route for everything that producers, readers and groups ask for, at every prefix', () => {
    const keys = routesOf(signed).map(({ RouteKey }) => RouteKey);
    const expected = ROUTES.filter(({ group }) => group !== 'admin').map(
      ({ method, path }) => `${method} ${path}`,
    );
    expect(keys.sort()).toEqual(['$default', ...expected].sort());
    expect(keys).toContain('POST /kafka/v3/clusters/{cluster}/topics/{topic}/records');
  });

  it('serves the default stage, so that paths have no prefix', () => {
    signed.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      AutoDeploy: true,
    });
  });

  it('may be called by API Gateway alone, for this API alone', () => {
    signed.allResourcesProperties('AWS::Lambda::Permission', {
      Principal: Match.stringLikeRegexp('^(apigateway|events)\\.amazonaws\\.com$'),
      SourceArn: Match.anyValue(),
    });
  });

  it('sends payloads of format 2.0', () => {
    signed.allResourcesProperties('AWS::ApiGatewayV2::Integration', {
      IntegrationType: 'AWS_PROXY',
      PayloadFormatVersion: '2.0',
      TimeoutInMillis: 29_000,
    });
  });

  it('names what a caller needs in its outputs', () => {
    const outputs = Object.keys(signed.toJSON().Outputs as object);
    for (const name of ['ApiUrl', 'ApiId', 'HotTableName', 'CatalogTableName', 'BucketName']) {
      expect(outputs).toContain(name);
    }
  });
});
