/**
 * A fixed piece of memory in which a batch is built, compressed and sent, without a copy in between. It is shared memory,
 * so that the journal's thread reads the very bytes that the main thread wrote.
 *
 * Whoever needs the bytes beyond the current call holds the slab (`retain`) and lets go of it (`release`); the last one to
 * let go hands it back to its pool, where the next batch overwrites it.
 */
export class Slab {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Tells slabs of a pool apart; undefined for one that is used once. */
  readonly id: number | undefined;
  readonly #recycle: ((slab: Slab) => void) | undefined;
  #holders = 1;

  constructor(size: number, pooled?: { readonly id: number; readonly recycle: (slab: Slab) => void }) {
    this.shared = new SharedArrayBuffer(size);
    this.bytes = Buffer.from(this.shared);
    this.view = new DataView(this.shared);
    this.id = pooled?.id;
    this.#recycle = pooled?.recycle;
  }

  get size(): number {
    return this.bytes.length;
  }

  retain(): void {
    if (this.#holders < 1) throw new Error('a slab was retained after its last holder had released it');
    this.#holders++;
  }

  release(): void {
    if (this.#holders < 1) throw new Error('a slab was released twice');
    this.#holders--;
    if (this.#holders === 0) this.#recycle?.(this);
  }

  /** Takes the slab out of its pool: the first holder is the caller. */
  revive(): void {
    if (this.#holders !== 0) throw new Error('a slab in use was taken from its pool');
    this.#holders = 1;
  }
}

/** Keeps slabs for re-use, so that a steady flow of records allocates nothing. */
export class SlabPool {
  readonly slabBytes: number;
  readonly #idleMax: number;
  readonly #idle: Slab[] = [];
  #nextId = 1;

  constructor({ slabBytes, idleMax }: { slabBytes: number; idleMax: number }) {
    this.slabBytes = slabBytes;
    this.#idleMax = idleMax;
  }

  /** A slab of at least `bytesMin`; one larger than the pool's size is made to measure and not kept. */
  take(bytesMin: number): Slab {
    if (bytesMin > this.slabBytes) return new Slab(bytesMin);
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      idle.revive();
      return idle;
    }
    return new Slab(this.slabBytes, {
      id: this.#nextId++,
      recycle: (slab) => {
        if (this.#idle.length < this.#idleMax) this.#idle.push(slab);
      },
    });
  }
}
