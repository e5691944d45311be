/**
 * A long sequence that comes in pages. Read item by item it is like any other; whoever has much to do reads it by
 * `pagesOf`, where waiting is paid for once a page.
 */
export class Pages<Item> implements AsyncIterable<Item> {
  /** Pages in order; some may be empty. */
  readonly pages: AsyncIterable<readonly Item[]>

  constructor(pages: AsyncIterable<readonly Item[]>) {
    this.pages = pages
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for await (const page of this.pages) for (const item of page) yield item
  }
}

/** The pages of a sequence; pages of one item where it does not come in pages. */
export function pagesOf<Item>(source: AsyncIterable<Item>): AsyncIterable<readonly Item[]> {
  return source instanceof Pages ? source.pages : singly(source)
}

async function* singly<Item>(source: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  for await (const item of source) yield [item]
}

/** The sequence with something done to each page, in pages if it comes in pages. */
export function mapPages<From, To>(
  source: AsyncIterable<From>,
  convert: (page: readonly From[]) => readonly To[],
): AsyncIterable<To> {
  return new Pages(convertEach(pagesOf(source), convert))
}

async function* convertEach<From, To>(
  pages: AsyncIterable<readonly From[]>,
  convert: (page: readonly From[]) => readonly To[],
): AsyncGenerator<readonly To[]> {
  for await (const page of pages) yield convert(page)
}

/** The first so many items of a sequence, in pages. */
export function firstOf<Item>(source: AsyncIterable<Item>, limit: number): AsyncIterable<Item> {
  return new Pages(cut(pagesOf(source), limit))
}

async function* cut<Item>(
  pages: AsyncIterable<readonly Item[]>,
  limit: number,
): AsyncGenerator<readonly Item[]> {
  let left = limit
  for await (const page of pages) {
    yield page.length <= left ? page : page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}
