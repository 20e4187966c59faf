import { badRequest } from './http-error.ts';

/** A path template: literal segments, `{name}` parameters, and those with an action behind them, such as `/flows/{source}:promote`. */
export interface Routed {
  readonly method: string;
  readonly path: string;
}

export type Match<R extends Routed> =
  | { readonly kind: 'found'; readonly route: R; readonly params: Readonly<Record<string, string>> }
  /** The path is known, the method is not. */
  | { readonly kind: 'method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Node<R> {
  readonly literals: Map<string, Node<R>>;
  parameter: Node<R> | undefined;
  /** Parameters with an action behind them, by that with its colon. */
  readonly actions: Map<string, Node<R>>;
  /** By method. Parameter names belong to the route, so that two routes may name one place differently. */
  readonly routes: Map<string, { readonly route: R; readonly names: readonly string[] }>;
}

const newNode = <R>(): Node<R> => ({
  literals: new Map(),
  parameter: undefined,
  actions: new Map(),
  routes: new Map(),
});

const nodeIn = <R>(nodes: Map<string, Node<R>>, name: string): Node<R> => {
  const node = nodes.get(name) ?? newNode<R>();
  nodes.set(name, node);
  return node;
};

const PARAMETER = /^\{(\w+)\}(:\w+)?$/;

const segmentsOf = (path: string): string[] => {
  const end = path.length > 1 && path.endsWith('/') ? path.length - 1 : path.length;
  return path === '/' ? [] : path.slice(1, end).split('/');
};

function insert<R extends Routed>(root: Node<R>, route: R): void {
  let node = root;
  const names: string[] = [];
  for (const segment of segmentsOf(route.path)) {
    const [, name, action] = PARAMETER.exec(segment) ?? [];
    if (name === undefined) {
      node = nodeIn(node.literals, segment);
      continue;
    }
    names.push(name);
    if (action === undefined) node.parameter ??= newNode();
    node = action === undefined ? (node.parameter as Node<R>) : nodeIn(node.actions, action);
  }
  node.routes.set(route.method, { route, names });
}

/** Literals win over actions, those over parameters; a branch that leads nowhere falls back to the next. */
function find<R>(
  node: Node<R>,
  segments: readonly string[],
  at: number,
  values: string[],
): Node<R> | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.routes.size > 0 ? node : undefined;
  const literal = node.literals.get(segment);
  const found = literal && find(literal, segments, at + 1, values);
  if (found !== undefined || segment === '') return found;
  const colon = segment.lastIndexOf(':');
  const action = colon < 1 ? undefined : node.actions.get(segment.slice(colon));
  const acted = action && findBelow(action, { segments, at, values }, segment.slice(0, colon));
  return acted ?? (node.parameter && findBelow(node.parameter, { segments, at, values }, segment));
}

function findBelow<R>(
  node: Node<R>,
  {
    segments,
    at,
    values,
  }: { readonly segments: readonly string[]; readonly at: number; readonly values: string[] },
  value: string,
): Node<R> | undefined {
  values[at] = value;
  const below = find(node, segments, at + 1, values);
  if (below === undefined) delete values[at];
  return below;
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest(`The path holds a percent sign that begins no character: ${segment}`);
  }
}

/**
 * Finds the route of a request: exact segments, one trailing slash tolerated, parameters percent-decoded after the
 * path was split. Throws `HttpError` 400 for a malformed escape.
 */
export function createRouter<R extends Routed>(
  routes: readonly R[],
): (method: string, path: string) => Match<R> {
  const root = newNode<R>();
  for (const route of routes) insert(root, route);

  return (method, path) => {
    const segments = segmentsOf(path).map(decodeSegment);
    const sparse: string[] = [];
    const node = find(root, segments, 0, sparse);
    if (node === undefined) return { kind: 'none' };
    const entry = node.routes.get(method) ?? (method === 'HEAD' ? node.routes.get('GET') : undefined);
    if (entry === undefined) return { kind: 'method', allow: [...node.routes.keys()].sort() };
    const params: Record<string, string> = {};
    let index = 0;
    for (const name of entry.names) {
      while (sparse[index] === undefined) index += 1;
      params[name] = sparse[index] as string;
      index += 1;
    }
    return { kind: 'found', route: entry.route, params };
  };
}
