import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { MillraceStack, type MillraceStackProps } from '../../../infra/millrace-stack.ts';
import { readStacks } from '../../../infra/settings.ts';

/** The template of the stack, made without bundling the functions. */
export function stackTemplate(props: MillraceStackProps = {}): Template {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  return Template.fromStack(new MillraceStack(app, 'Millrace', props));
}

/** The templates of all stacks of the app with these settings, by their ids. */
export function appTemplates(context: Readonly<Record<string, unknown>>): ReadonlyMap<string, Template> {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  const stacks = readStacks((name) => context[name]).map(
    ({ id, props }) => [id, new MillraceStack(app, id, props)] as const,
  );
  return new Map(stacks.map(([id, stack]) => [id, Template.fromStack(stack)]));
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

interface PolicyResource {
  readonly Properties: {
    readonly PolicyDocument: { readonly Statement: readonly Statement[] };
    readonly Roles: readonly { readonly Ref: string }[];
  };
}

/** Every statement that the role of a function holds; `constructId` as in the stack: Produce, Fetch, … */
export function statementsOf(template: Template, constructId: string): readonly Statement[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy')) as PolicyResource[];
  return policies
    .filter(({ Properties }) => Properties.Roles.some(({ Ref }) => Ref.startsWith(`${constructId}Function`)))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

/** Every action of those statements, sorted, without the ones that tracing needs. */
export function actionsOf(template: Template, constructId: string): readonly string[] {
  const actions = statementsOf(template, constructId)
    .flatMap(({ Action }) => Action)
    .filter((action) => !action.startsWith('xray:'));
  return [...new Set(actions)].sort();
}

interface RouteResource {
  readonly Properties: {
    readonly RouteKey: string;
    readonly AuthorizationType: string;
    readonly AuthorizerId?: unknown;
    readonly Target: unknown;
  };
}

export function routesOf(template: Template): RouteResource['Properties'][] {
  const routes = Object.values(template.findResources('AWS::ApiGatewayV2::Route')) as RouteResource[];
  return routes.map(({ Properties }) => Properties);
}

interface JoinedTarget {
  readonly 'Fn::Join': readonly [string, readonly [string, { readonly Ref: string }]];
}

/** The logical id of the function that a route leads to. */
export function functionBehind(template: Template, routeKey: string): string | undefined {
  const target = routesOf(template).find(({ RouteKey }) => RouteKey === routeKey)?.Target;
  const integrationId = (target as JoinedTarget | undefined)?.['Fn::Join'][1][1].Ref ?? '';
  const integration = template.findResources('AWS::ApiGatewayV2::Integration')[integrationId];
  return integration?.Properties.IntegrationUri['Fn::GetAtt'][0];
}
