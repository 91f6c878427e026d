/** Reads DER, the encoding of certificates and signatures. */

const longForm = 0x80;
const mostLengthBytes = 4;

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array<ArrayBuffer>;
  /** With its tag and length. */
  readonly whole: Uint8Array<ArrayBuffer>;
}

export class DerError extends Error {}

/** Reads the element at the beginning of some bytes. */
export function element(bytes: Uint8Array<ArrayBuffer>): Element {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new DerError("an element is cut");
  let [start, length] = [2, first];
  if (first >= longForm) {
    const count = first - longForm;
    if (count === 0 || count > mostLengthBytes) throw new DerError("an element has no usable length");
    length = bytes.subarray(2, 2 + count).reduce((value, byte) => value * 256 + byte, 0);
    start += count;
  }
  if (start + length > bytes.length) throw new DerError("an element is cut");
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
}

/** Reads the elements inside of one. */
export function elementsOf({ content }: Element): readonly Element[] {
  const found: Element[] = [];
  for (let rest = content; rest.length > 0; ) {
    const next = element(rest);
    found.push(next);
    rest = rest.subarray(next.whole.length);
  }
  return found;
}

/** Returns the element at an index, which must be there and have the tag. */
export function at(elements: readonly Element[], index: number, tag: number): Element {
  const found = elements[index];
  if (found?.tag !== tag) throw new DerError("an element is missing");
  return found;
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
