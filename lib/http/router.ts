import { badRequest } from './http-error.ts';

/** A path template: literal segments and `{name}` parameters, such as `/topics/{topic}/partitions`. */
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
  /** By method. Parameter names belong to the route, so that two routes may name one place differently. */
  readonly routes: Map<string, { readonly route: R; readonly names: readonly string[] }>;
}

const newNode = <R>(): Node<R> => ({ literals: new Map(), parameter: undefined, routes: new Map() });

const isParameter = (segment: string): boolean => segment.startsWith('{') && segment.endsWith('}');

const segmentsOf = (path: string): string[] => {
  const end = path.length > 1 && path.endsWith('/') ? path.length - 1 : path.length;
  return path === '/' ? [] : path.slice(1, end).split('/');
};

function insert<R extends Routed>(root: Node<R>, route: R): void {
  let node = root;
  const names: string[] = [];
  for (const segment of segmentsOf(route.path)) {
    let next: Node<R> | undefined;
    if (isParameter(segment)) {
      names.push(segment.slice(1, -1));
      node.parameter ??= newNode();
      next = node.parameter;
    } else {
      next = node.literals.get(segment);
      if (next === undefined) {
        next = newNode();
        node.literals.set(segment, next);
      }
    }
    node = next;
  }
  node.routes.set(route.method, { route, names });
}

/** Literals win over parameters; a literal branch that leads nowhere falls back to the parameter. */
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
  if (found !== undefined || node.parameter === undefined || segment === '') return found;
  values[at] = segment;
  const below = find(node.parameter, segments, at + 1, values);
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
