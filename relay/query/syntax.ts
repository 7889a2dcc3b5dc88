/** A query, understood. */
export type QueryNode =
  | { readonly kind: 'everything' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly QueryNode[] }
  | { readonly kind: 'not'; readonly part: QueryNode }
  | TextNode
  | FieldNode
  | RangeNode;

/** Some text of the record holds this. */
export interface TextNode {
  readonly kind: 'text';
  readonly pattern: Pattern;
}

/** Some value of one of these fields is this. */
export interface FieldNode {
  readonly kind: 'field';
  readonly fields: readonly string[];
  readonly pattern: Pattern;
}

/** Some value of one of these fields lies between the bounds: numbers, or times in milliseconds since 1970. */
export interface RangeNode {
  readonly kind: 'range';
  readonly fields: readonly string[];
  readonly of: 'number' | 'time';
  readonly from: Bound | undefined;
  readonly to: Bound | undefined;
}

export interface Bound {
  readonly value: number;
  readonly inclusive: boolean;
}

/** Texts that must stand one after the other, with anything between them: one for a plain text, several for one with `*`. */
export interface Pattern {
  readonly parts: readonly string[];
}
