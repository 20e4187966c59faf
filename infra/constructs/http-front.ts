import { Duration } from 'aws-cdk-lib';
import { HttpApi, type IHttpRouteAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type GatewayRoute, gatewayRoutes } from '../gateway-routes.ts';

export interface HttpFrontProps {
  readonly produce: IFunction;
  readonly fetch: IFunction;
  readonly groups: IFunction;
  /** Answers actions on groups, of which translating their positions needs other regions. @default - there are none */
  readonly translator?: IFunction;
  /** Also answers every path that no route names. */
  readonly admin: IFunction;
  /**
   * The issuer of the tokens that are let in, as their `iss` says: an https URL with an OpenID configuration.
   * @default - IAM authorization: requests are signed with SigV4
   */
  readonly jwtIssuer?: string;
  /** What `aud` may say. Needed with `jwtIssuer`, and only then. */
  readonly jwtAudience?: readonly string[];
}

const INTEGRATION_TIMEOUT: Duration = Duration.seconds(29);

/** The HTTP API: every route authorized, each sent to the function that has the rights for it. */
export class HttpFront extends Construct {
  readonly api: HttpApi;

  constructor(scope: Construct, id: string, props: HttpFrontProps) {
    super(scope, id);
    const { translator } = props;
    const groups = integration('Groups', props.groups);
    const targets = {
      produce: integration('Produce', props.produce),
      fetch: integration('Fetch', props.fetch),
      groups,
      positions: translator === undefined ? groups : integration('Translator', translator),
    };
    this.api = new HttpApi(this, 'Api', {
      description: 'Millrace, an event log',
      defaultAuthorizer: authorizer(props),
      defaultIntegration: defaultIntegration('Admin', props.admin),
    });
    for (const route of gatewayRoutes()) this.#add(route, targets[route.group]);
  }

  #add({ path, methods }: GatewayRoute, target: HttpLambdaIntegration): void {
    this.api.addRoutes({ path, methods: [...methods], integration: target });
  }
}

function integration(id: string, lambda: IFunction): HttpLambdaIntegration {
  return new HttpLambdaIntegration(id, lambda, {
    timeout: INTEGRATION_TIMEOUT,
    // One permission per API: a function that serves many routes would outgrow its resource policy.
    scopePermissionToRoute: false,
  });
}

/** The route `$default` calls under an ARN of one segment less, which a permission for the whole API does not match. */
function defaultIntegration(id: string, lambda: IFunction): HttpLambdaIntegration {
  return new HttpLambdaIntegration(id, lambda, { timeout: INTEGRATION_TIMEOUT });
}

function authorizer({ jwtIssuer, jwtAudience }: HttpFrontProps): IHttpRouteAuthorizer {
  if (jwtIssuer === undefined) {
    if (jwtAudience !== undefined) throw new Error('jwtAudience means nothing without jwtIssuer');
    return new HttpIamAuthorizer();
  }
  if (jwtAudience === undefined || jwtAudience.length === 0) {
    throw new Error('jwtIssuer needs a jwtAudience: tokens made for other services would be let in');
  }
  return new HttpJwtAuthorizer('Tokens', jwtIssuer, { jwtAudience: [...jwtAudience] });
}
