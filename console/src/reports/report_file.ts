/** Reads the data that is attached to a usage report, where MegaRouter writes it. */

const mostBytes = 3_500_000;
const formatPrefix = "megarouter-usage-report/";

export class NoReportError extends Error {}

interface ReportUsage {
  readonly call_count: bigint;
  readonly input_tokens: bigint;
  readonly output_tokens: bigint;
  readonly charge: bigint;
}

export interface ReportRow {
  readonly ids: readonly string[];
  readonly name: string;
  readonly usage: ReportUsage;
}

/** What a person reads of a report. Its integers are exact. */
export interface ReportData {
  readonly format: string;
  readonly organization: string;
  readonly organization_name: string;
  readonly start: string;
  readonly end: string;
  readonly time_zone: string;
  readonly ledger_position: bigint;
  readonly read_time: string;
  readonly complete: boolean;
  readonly total: ReportUsage;
  readonly models: readonly ReportRow[];
  readonly groups: readonly ReportRow[];
  readonly scope: { readonly group: string | null; readonly member: string | null; readonly names: readonly string[] };
}

export interface ReportFile {
  readonly data: ReportData;
  /** The attached file itself, whose SHA-256 is on every page. */
  readonly json: Uint8Array<ArrayBuffer>;
  /** What is before the signature; undefined without one. */
  readonly pages: Uint8Array<ArrayBuffer> | undefined;
}

export async function readReport(pdf: Uint8Array<ArrayBuffer>): Promise<ReportFile> {
  const text = new TextDecoder("latin1").decode(pdf);
  const numbers = [...text.matchAll(/\/UF\(report\.json\)\/EF<<\/F (\d{1,9}) 0 R/g)];
  if (!text.startsWith("%PDF-") || numbers.length !== 1) throw new NoReportError("this is no usage report, or another program saved it again");
  const head = `\n${numbers[0]?.[1] ?? ""} 0 obj\n`;
  const start = text.indexOf(head);
  const stream = start < 0 ? null : /^<<([^\n]{0,500}\/Type\/EmbeddedFile\/Filter\/FlateDecode[^\n]{0,500})>>\nstream\n/.exec(text.slice(start + head.length, start + head.length + 1200));
  const length = /\/Length (\d{1,9})/.exec(stream?.[1] ?? "")?.[1];
  if (stream === null || length === undefined) throw new NoReportError("the data of the report cannot be found");
  const begin = start + head.length + stream[0].length;
  const json = await inflated(pdf.slice(begin, begin + Number(length)));
  const end = /\nstartxref\n\d{1,10}\n%%EOF/.exec(text);
  const endOfPages = end === null ? undefined : end.index + end[0].length;
  return { data: parsed(json), json, pages: endOfPages === undefined || endOfPages >= pdf.length - 1 ? undefined : pdf.slice(0, endOfPages) };
}

async function inflated(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  for (;;) {
    const { value, done } = await reader.read().catch(() => {
      throw new NoReportError("the data of the report cannot be read, so the file was altered or damaged");
    });
    if (done) break;
    pieces.push(value);
    size += value.length;
    if (size > mostBytes) {
      await reader.cancel();
      throw new NoReportError("the data of the report is too large");
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Reads integers as they are written: numbers of this language are exact only up to nine million credits. */
function parsed(json: Uint8Array<ArrayBuffer>): ReportData {
  const exact = (_name: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === "number" && Number.isInteger(value) ? BigInt(context?.source ?? value) : value;
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json), exact as (name: string, value: unknown) => unknown);
  } catch {
    throw new NoReportError("the data of the report is not JSON");
  }
  if (!isReport(data)) throw new NoReportError("the file has the data of something else than a usage report");
  return data;
}

function isReport(data: unknown): data is ReportData {
  const one = data as Partial<ReportData> | null;
  return typeof one?.format === "string" && one.format.startsWith(formatPrefix) && typeof one.total?.charge === "bigint" && Array.isArray(one.groups) && Array.isArray(one.models);
}
