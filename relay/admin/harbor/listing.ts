import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

const PAGE_SIZE_MAX = 100;

/** What every list takes. More than 100 on a page is 422; 0 means everything at once. */
export const listQuery = z.object({
  q: z.string().max(4_096).default('').describe('Terms `key=value`, with commas between them; see docs/harbor.md.'),
  sort: z
    .string()
    .max(1_000)
    .default('')
    .describe('Fields with commas between them, each with `-` in front to turn it round.'),
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  page_size: z.coerce.number().int().min(0).max(PAGE_SIZE_MAX).default(10).describe('0: everything at once.'),
});

export type ListQuery = z.output<typeof listQuery>;

/** One field of a list to sort by. */
export interface SortField {
  readonly field: string;
  readonly descending: boolean;
}

/** Unknown fields are passed over, as Harbor does: they change the order, not what is in the list. */
export function sortFields(text: string, known: (name: string) => string | undefined): SortField[] {
  return text.split(',').flatMap((part) => {
    const descending = part.trim().startsWith('-');
    const field = known(part.trim().replace(/^[-+]/, ''));
    return field === undefined ? [] : [{ field, descending }];
  });
}

/** The headers of a list: how many there are, and where the pages beside this one are. */
export function setListHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  list: { total: number } & ListQuery,
): void {
  const { total, page, page_size: pageSize } = list;
  void reply.header('x-total-count', String(total));
  const links: string[] = [];
  const link = (to: number, rel: string): void => {
    const url = new URL(request.raw.url ?? '/', 'http://relay');
    url.searchParams.set('page', String(to));
    url.searchParams.set('page_size', String(pageSize));
    // A header holds ASCII, and the query is somebody else’s text: it stays encoded.
    links.push(`<${url.pathname}${url.search}>; rel="${rel}"`);
  };
  if (pageSize > 0 && page > 1) link(page - 1, 'prev');
  if (pageSize > 0 && page * pageSize < total) link(page + 1, 'next');
  void reply.header('link', links.join(' , '));
}
