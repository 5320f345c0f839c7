// The hashes of others, from their descriptions: SipHash-2-4 (Aumasson and Bernstein), which Linux's flow dissector uses;
// the mixing of MurmurHash3 (Appleby), which Open vSwitch uses; CRC-32 (IEEE 802.3), the family that switches use.
//
// 64-bit words are pairs of 32-bit halves: BigInts would be thirty times slower.

/** SipHash-2-4 under one key. */
export class SipHash {
  readonly #key: Uint32Array;
  /** v0 to v3, low half first. */
  readonly #v = new Uint32Array(8);

  /** @param key four words, low first */
  constructor(key: readonly number[]) {
    this.#key = Uint32Array.from(key);
  }

  /** @param words the message, whole 64-bit words as pairs of halves, low first. @returns the halves of the hash */
  hash(words: readonly number[]): { low: number; high: number } {
    const v = this.#v;
    const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = this.#key;
    v.set([k0 ^ 0x70736575, k1 ^ 0x736f6d65, k2 ^ 0x6e646f6d, k3 ^ 0x646f7261]);
    v.set([k0 ^ 0x6e657261, k1 ^ 0x6c796765, k2 ^ 0x79746573, k3 ^ 0x74656462], 4);
    for (let i = 0; i < words.length; i += 2) this.#take(words[i] ?? 0, words[i + 1] ?? 0);
    // The last word holds the length, of whole words alone here.
    this.#take(0, ((words.length * 4) << 24) >>> 0);
    v[4] = (v[4] ?? 0) ^ 0xff;
    for (let round = 0; round < 4; round++) this.#round();
    const half = (h: number): number => ((v[h] ?? 0) ^ (v[h + 2] ?? 0) ^ (v[h + 4] ?? 0) ^ (v[h + 6] ?? 0)) >>> 0;
    return { low: half(0), high: half(1) };
  }

  #take(low: number, high: number): void {
    const v = this.#v;
    v[6] = (v[6] ?? 0) ^ low;
    v[7] = (v[7] ?? 0) ^ high;
    this.#round();
    this.#round();
    v[0] = (v[0] ?? 0) ^ low;
    v[1] = (v[1] ?? 0) ^ high;
  }

  #round(): void {
    this.#addAndTurn(0, 2, 13);
    this.#turn(0, 32);
    this.#addAndTurn(4, 6, 16);
    this.#addAndTurn(0, 6, 21);
    this.#addAndTurn(4, 2, 17);
    this.#turn(4, 32);
  }

  /** a += b; b = rotl(b, bits) ^ a. */
  #addAndTurn(a: number, b: number, bits: number): void {
    const v = this.#v;
    const low = ((v[a] ?? 0) + (v[b] ?? 0)) >>> 0;
    v[a + 1] = (v[a + 1] ?? 0) + (v[b + 1] ?? 0) + (low < (v[b] ?? 0) ? 1 : 0);
    v[a] = low;
    this.#turn(b, bits);
    v[b] = (v[b] ?? 0) ^ (v[a] ?? 0);
    v[b + 1] = (v[b + 1] ?? 0) ^ (v[a + 1] ?? 0);
  }

  #turn(at: number, bits: number): void {
    const v = this.#v;
    const [low, high] = [v[at] ?? 0, v[at + 1] ?? 0];
    if (bits === 32) v.set([high, low], at);
    else v.set([(low << bits) | (high >>> (32 - bits)), (high << bits) | (low >>> (32 - bits))], at);
  }
}

/** One step of MurmurHash3 with a word. */
export function murmurAdd(hash: number, word: number): number {
  const mixed = Math.imul(rotl(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotl(hash ^ mixed, 13), 5) + 0xe6546b64) >>> 0;
}

/** The end of MurmurHash3; `final` is the length there. */
export function murmurFinish(hash: number, final: number): number {
  let h = hash ^ final;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function rotl(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** @param seed 0 gives the checksum that everybody knows */
export function crc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
