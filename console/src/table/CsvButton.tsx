import { type CsvColumn, csvHeader, csvRows } from "../util/csv";
import { DownloadButton, type FilePart } from "./DownloadButton";

export interface CsvPage<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

interface CsvButtonProps<Row> {
  readonly file: string;
  readonly days?: readonly string[] | undefined;
  readonly columns: readonly CsvColumn<Row>[];
  /** Reads a page of what the filters select. */
  readonly pages: (pageToken: string, signal: AbortSignal) => Promise<CsvPage<Row>>;
}

/** Downloads all pages of a list, not only the one shown. */
export function CsvButton<Row>({ file, days, columns, pages }: CsvButtonProps<Row>) {
  return <DownloadButton file={file} days={days} parts={(signal) => partsOf(columns, (token) => pages(token, signal))} />;
}

async function* partsOf<Row>(columns: readonly CsvColumn<Row>[], pages: (token: string) => Promise<CsvPage<Row>>): AsyncGenerator<FilePart> {
  yield { content: csvHeader(columns), rowCount: 0 };
  for (let token = ""; ; ) {
    const { rows, nextPageToken } = await pages(token);
    yield { content: csvRows(columns, rows), rowCount: rows.length };
    if (nextPageToken === "") return;
    token = nextPageToken;
  }
}
