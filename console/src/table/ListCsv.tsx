import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";

import { CsvButton } from "./CsvButton";
import { rowsOf } from "./rows";

const mostPerPage = 1000;

interface ListCsvProps<Request extends DescMessage, Answer extends DescMessage> {
  /** What the list is of, for the name of the file. */
  readonly file: string;
  /** The first and the last day of what the list is about, for the name of the file. */
  readonly days?: readonly string[];
  readonly method: DescMethodUnary<Request, Answer>;
  /** What the list asks, without its page. */
  readonly request: MessageInitShape<Request>;
}

/** Downloads a list as the API has it: every field of every row that the filters select. */
export function ListCsv<Request extends DescMessage, Answer extends DescMessage>({ file, days, method, request }: ListCsvProps<Request, Answer>) {
  const transport = useTransport();
  const rows = rowsOf(method);
  return (
    <CsvButton
      file={file} days={days} columns={rows.columns}
      pages={async (pageToken, signal) => {
        const answer = await callUnaryMethod(transport, method, { ...request, pageSize: mostPerPage, pageToken } as MessageInitShape<Request>, { signal });
        return { rows: rows.of(answer), nextPageToken: rows.nextPageToken(answer) };
      }}
    />
  );
}
