import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { stackTemplate } from './stack-template.ts';

interface RouteResource {
  readonly Properties: {
    readonly RouteKey: string;
    readonly AuthorizationType: string;
    readonly AuthorizerId?: unknown;
    readonly Target: unknown;
  };
}

const routesOf = (template: ReturnType<typeof stackTemplate>): RouteResource['Properties'][] =>
  (Object.values(template.findResources('AWS::ApiGatewayV2::Route')) as RouteResource[]).map(
    ({ Properties }) => Properties,
  );

const JWT = { jwtIssuer: 'https://issuer.example', jwtAudience: ['millrace', 'reports'] } as const;

describe('the HTTP API', () => {
  it('asks every caller on every route for a signature', () => {
    const routes = routesOf(stackTemplate());
    expect(routes.length).toBeGreaterThan(3);
    expect(routes.filter(({ AuthorizationType }) => AuthorizationType !== 'AWS_IAM')).toEqual([]);
  });

  it('asks every caller on every route for a token of the issuer and audience, if it is told to', () => {
    const template = stackTemplate(JWT);
    template.resourceCountIs('AWS::ApiGatewayV2::Authorizer', 1);
    template.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      IdentitySource: ['$request.header.Authorization'],
      JwtConfiguration: { Issuer: 'https://issuer.example', Audience: ['millrace', 'reports'] },
    });
    const routes = routesOf(template);
    expect(routes.length).toBe(routesOf(stackTemplate()).length);
    for (const route of routes) {
      expect(route).toMatchObject({ AuthorizationType: 'JWT', AuthorizerId: { Ref: expect.any(String) } });
    }
  });

  it('refuses an issuer without an audience, and an audience without an issuer', () => {
    expect(() => stackTemplate({ jwtIssuer: JWT.jwtIssuer })).toThrow(/jwtAudience/);
    expect(() => stackTemplate({ jwtIssuer: JWT.jwtIssuer, jwtAudience: [] })).toThrow(/jwtAudience/);
    expect(() => stackTemplate({ jwtAudience: ['millrace'] })).toThrow(/jwtIssuer/);
  });

  it('serves the default stage, so that paths have no prefix', () => {
    stackTemplate().hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      AutoDeploy: true,
    });
  });

  it('may be called by API Gateway alone, for this API alone', () => {
    stackTemplate().allResourcesProperties('AWS::Lambda::Permission', {
      Principal: Match.stringLikeRegexp('^(apigateway|events)\\.amazonaws\\.com$'),
      SourceArn: Match.anyValue(),
    });
  });

  it('sends payloads of format 2.0', () => {
    stackTemplate().allResourcesProperties('AWS::ApiGatewayV2::Integration', {
      IntegrationType: 'AWS_PROXY',
      PayloadFormatVersion: '2.0',
      TimeoutInMillis: 29_000,
    });
  });

  it('names what a caller needs in its outputs', () => {
    const outputs = Object.keys(stackTemplate().toJSON().Outputs as object);
    for (const name of ['ApiUrl', 'ApiId', 'HotTableName', 'CatalogTableName', 'BucketName']) {
      expect(outputs).toContain(name);
    }
  });
});
