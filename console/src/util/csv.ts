/** Reads and writes CSV. It is written as RFC 4180 says, in UTF-8 with a byte order mark, as the exports of the API do. */

const byteOrderMark = "\uFEFF";
const lineEnd = "\r\n";
/** What spreadsheets may take for a formula, also in full width. Apostrophes before it are included, so that every text has its own form. */
const formula = /^'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

export interface CsvColumn<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string;
  /** Whether people wrote it, so that it may look like a formula. Ids, amounts and times are never changed. */
  readonly isText?: boolean;
}

/** Returns a text with an apostrophe before it if a spreadsheet could take it for a formula. */
export function escaped(text: string): string {
  return formula.test(text) ? `'${text}` : text;
}

function quotedCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvHeader<Row>(columns: readonly CsvColumn<Row>[]): string {
  return byteOrderMark + columns.map(({ header }) => quotedCell(escaped(header))).join(",") + lineEnd;
}

export function csvRows<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  return rows.map((row) => columns.map(({ cell, isText }) => quotedCell(isText === true ? escaped(cell(row)) : cell(row))).join(",") + lineEnd).join("");
}

/** Writes an amount as a decimal of credits with nine places, exactly. */
export function amountCell(nanoCredits: bigint): string {
  if (nanoCredits < 0n) return `-${amountCell(-nanoCredits)}`;
  const digits = nanoCredits.toString().padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Writes a table of texts. */
export function writeTable(rows: readonly (readonly string[])[]): string {
  return byteOrderMark + rows.map((row) => row.map((text) => quotedCell(escaped(text))).join(",") + lineEnd).join("");
}

/** Reads a table as spreadsheets write it: commas, semicolons or tabs, quoted cells, any line ends, a byte order mark. */
export function readTable(text: string): readonly (readonly string[])[] {
  const plain = text.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n");
  const separator = separatorOf(plain.split("\n", 1)[0] ?? "");
  const rows: string[][] = [[]];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < plain.length; at++) {
    const character = plain.charAt(at);
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (plain.charAt(at + 1) === '"') cell += plain.charAt(++at);
      else isQuoted = false;
    } else if (character === '"' && cell === "") {
      isQuoted = true;
    } else if (character === separator || character === "\n") {
      rows.at(-1)?.push(cell.trim());
      cell = "";
      if (character === "\n") rows.push([]);
    } else {
      cell += character;
    }
  }
  rows.at(-1)?.push(cell.trim());
  return rows.filter((row) => row.some((one) => one !== ""));
}

function separatorOf(header: string): string {
  const counts = [",", ";", "\t"].map((separator) => [separator, header.split(separator).length] as const);
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}
