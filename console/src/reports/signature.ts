import { type Element, at, bytesOf, element, elementsOf, hexOf } from "./der";

/** What is known of the signature of a file. Only `valid` proves anything. */
export type SignatureResult = "valid" | "none" | "other" | "altered";

const [sequence, set, octets, integer, first, bits, objectId] = [0x30, 0x31, 0x04, 0x02, 0xa0, 0x03, 0x06];
const messageDigest = "2a864886f70d010904";
const digests: Readonly<Record<string, string>> = { "608648016503040201": "SHA-256", "608648016503040202": "SHA-384", "608648016503040203": "SHA-512" };
const rsa = "2a864886f70d010101";
const elliptic = "2a8648ce3d0201";
const ed25519 = "2b6570";
const curves: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  "2a8648ce3d030107": { name: "P-256", bytes: 32 }, "2b81040022": { name: "P-384", bytes: 48 }, "2b81040023": { name: "P-521", bytes: 66 },
};

/** The signature of a PDF: which bytes it covers, and the CMS message. */
interface Signed {
  readonly covered: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
}

/**
 * Says whether a PDF has the signature of one of these certificates, over every byte of it but the signature itself.
 *
 * @param certificates of the deployment, in DER
 */
export async function checkSignature(pdf: Uint8Array<ArrayBuffer>, certificates: readonly Uint8Array<ArrayBuffer>[]): Promise<SignatureResult> {
  const text = new TextDecoder("latin1").decode(pdf);
  const ranges = [...text.matchAll(/\/ByteRange\s*\[\s*(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})\s*\]/g)];
  if (ranges.length === 0) return "none";
  const signed = ranges.length === 1 ? signedBy(pdf, text, (ranges[0] ?? []).slice(1).map(Number)) : undefined;
  if (signed === undefined) return "altered";
  const parts = readMessage(signed.message);
  if (hexOf(new Uint8Array(await crypto.subtle.digest(parts.digest, signed.covered))) !== hexOf(parts.digestOfFile)) return "altered";
  for (const certificate of certificates) {
    if (await verifies(certificate, parts)) return "valid";
  }
  return "other";
}

/** Returns what a byte range covers, if that is the whole file with a hole of exactly the signature. */
function signedBy(pdf: Uint8Array<ArrayBuffer>, text: string, [start, length, next, rest]: readonly number[]): Signed | undefined {
  if (start !== 0 || length === undefined || next === undefined || rest === undefined || next <= length || next + rest !== pdf.length) return undefined;
  const hole = text.slice(length, next);
  if (!/^<(?:[0-9a-fA-F]{2})+>$/.test(hole)) return undefined;
  const covered = new Uint8Array(length + rest);
  covered.set(pdf.subarray(0, length));
  covered.set(pdf.subarray(next), length);
  return { covered, message: bytesOf(hole.slice(1, -1)) };
}

interface Message {
  readonly digest: string;
  readonly digestOfFile: Uint8Array<ArrayBuffer>;
  readonly attributes: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** Reads a CMS message with one signer (RFC 5652). */
function readMessage(bytes: Uint8Array<ArrayBuffer>): Message {
  const content = at(elementsOf(element(bytes)), 1, first);
  const data = elementsOf(at(elementsOf(content), 0, sequence));
  const signers = elementsOf(at(data, data.length - 1, set));
  const signer = elementsOf(at(signers, 0, sequence));
  if (signers.length !== 1) throw new Error("the signature has several signers");
  const algorithm = hexOf(at(elementsOf(at(signer, 2, sequence)), 0, objectId).content);
  const signedAttributes = at(signer, 3, first);
  const attribute = elementsOf(signedAttributes).map(elementsOf).find((parts) => hexOf(at(parts, 0, objectId).content) === messageDigest);
  const digest = digests[algorithm];
  if (attribute === undefined || digest === undefined) throw new Error("the signature is of an unknown kind");
  const attributes = signedAttributes.whole.slice();
  attributes[0] = set; // what is signed has this tag instead of its own
  return { digest, digestOfFile: at(elementsOf(at(attribute, 1, set)), 0, octets).content, attributes, signature: at(signer, 5, octets).content };
}

async function verifies(certificate: Uint8Array<ArrayBuffer>, message: Message): Promise<boolean> {
  const key = publicKeyOf(certificate);
  const [algorithm, curve] = elementsOf(at(elementsOf(key), 0, sequence)).map((part) => hexOf(part.content));
  const check = async (name: RsaHashedImportParams | EcKeyImportParams | AlgorithmIdentifier, how: AlgorithmIdentifier | EcdsaParams, signature: Uint8Array<ArrayBuffer>): Promise<boolean> =>
    crypto.subtle.verify(how, await crypto.subtle.importKey("spki", key.whole, name, false, ["verify"]), signature, message.attributes);
  if (algorithm === rsa) return check({ name: "RSASSA-PKCS1-v1_5", hash: message.digest }, { name: "RSASSA-PKCS1-v1_5" }, message.signature);
  if (algorithm === ed25519) return check({ name: "Ed25519" }, { name: "Ed25519" }, message.signature);
  const named = algorithm === elliptic ? curves[curve ?? ""] : undefined;
  if (named === undefined) throw new Error("the certificate has a key of an unknown kind");
  return check({ name: "ECDSA", namedCurve: named.name }, { name: "ECDSA", hash: message.digest }, plainPair(message.signature, named.bytes));
}

/** Returns the SubjectPublicKeyInfo of a certificate (RFC 5280). */
function publicKeyOf(certificate: Uint8Array<ArrayBuffer>): Element {
  const body = elementsOf(at(elementsOf(element(certificate)), 0, sequence));
  const hasVersion = body[0]?.tag === first;
  const key = at(body, hasVersion ? 6 : 5, sequence);
  at(elementsOf(key), 1, bits);
  return key;
}

/** Returns the two numbers of an elliptic signature one after the other, as browsers want them, instead of in DER. */
function plainPair(signature: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const numbers = elementsOf(element(signature));
  const plain = new Uint8Array(2 * size);
  for (const index of [0, 1]) {
    const value = at(numbers, index, integer).content;
    const significant = value.subarray(Math.max(0, value.length - size));
    plain.set(significant, (index + 1) * size - significant.length);
  }
  return plain;
}
