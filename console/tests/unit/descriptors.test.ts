import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { expect, test } from "vitest";

import { withoutOptions } from "../../plugins/descriptors";

const code = readFileSync(join(import.meta.dirname, "../../../sdk/typescript/generated/megarouter/admin/v1/group_pb.ts"), "utf8");
const described = (text: string) => fromBinary(FileDescriptorProtoSchema, base64Decode(/fileDesc\("([^"]+)"/.exec(text)?.[1] ?? ""));

test("a descriptor keeps its messages and methods, and loses what only servers read", () => {
  const [before, after] = [described(code), described(withoutOptions(code))];
  const names = (file: typeof before) => [file.messageType.map(({ name, field }) => [name, field.map((one) => [one.name, one.number, one.type])]), file.service.map(({ name, method }) => [name, method.map((one) => one.name)])];
  expect(names(after)).toEqual(names(before));
  expect(before.messageType[0]?.field[0]?.options?.$unknown).not.toBeUndefined();
  expect(after.messageType[0]?.field[0]?.options).toBeUndefined();
});

test("a file keeps only the files whose types it uses", () => {
  expect(/fileDesc\(.*\[(.*)\]\)/.exec(withoutOptions(code))?.[1]).toBe("file_google_protobuf_field_mask, file_google_protobuf_timestamp");
});
