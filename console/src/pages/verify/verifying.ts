import { type ReportFile, readReport } from "../../reports/report_file";
import { type SignatureResult, checkSignature } from "../../reports/signature";
import { sha256 } from "../../util/files";

/** What is known of a file. */
export interface Verified {
  readonly file: ReportFile;
  readonly signature: SignatureResult;
  readonly dataSha256: string;
  readonly fileSha256: string;
  readonly pagesSha256: string | undefined;
}

/**
 * Reads a report, and checks its signature.
 *
 * @param certificates of the deployment, in DER
 */
export async function verified(pdf: Uint8Array<ArrayBuffer>, certificates: readonly Uint8Array<ArrayBuffer>[]): Promise<Verified> {
  if (!window.isSecureContext) throw new Error("browsers check signatures only on https pages, and on this machine");
  const file = await readReport(pdf);
  const signature = await checkSignature(pdf, certificates);
  const pages = file.pages === undefined ? undefined : await sha256(file.pages);
  return { file, signature, dataSha256: (await sha256(file.json)) ?? "", fileSha256: (await sha256(pdf)) ?? "", pagesSha256: pages };
}
