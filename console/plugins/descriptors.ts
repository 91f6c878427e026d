import { type Message, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, FieldOptionsSchema, type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { Plugin } from "vite";

const described = /fileDesc\("([^"]+)"(?:, \[([^\]]*)\])?\)/;

/**
 * Takes out of the descriptors of the API what only servers read: the options of our own and of Google, such as addresses and
 * permissions, and the files that define them. They are a quarter of all descriptors.
 */
export function smallDescriptors(): Plugin {
  return {
    name: "small-descriptors",
    // Types are still imported then.
    enforce: "pre",
    transform: {
      filter: { id: /\/sdk\/typescript\/generated\/.*_pb\.ts$/, code: described },
      handler: (code) => ({ code: withoutOptions(code), map: null }),
    },
  };
}

export function withoutOptions(code: string): string {
  return code.replace(described, (whole, encoded: string, files: string = "") => {
    const file = fromBinary(FileDescriptorProtoSchema, base64Decode(encoded));
    // A file that defines options needs what they extend.
    if (file.extension.length > 0) return whole;
    const used = usedOf(files, code);
    return `fileDesc("${withoutExtensions(file)}"${used.length === 0 ? "" : `, [${used.join(", ")}]`})`;
  });
}

/** The files whose types the code imports too. Of all others, it uses options alone. */
function usedOf(files: string, code: string): readonly string[] {
  return files.split(", ").filter((file) => {
    const from = new RegExp(`import \\{[^}]*\\b${file}\\b[^}]*\\} from ("[^"]+");`).exec(code)?.[1];
    return from !== undefined && code.split(`from ${from};`).length > 2;
  });
}

function withoutExtensions(file: FileDescriptorProto): string {
  clear(file.options);
  file.messageType.forEach(clearMessage);
  for (const { options, value } of file.enumType) [options, ...value.map((one) => one.options)].forEach(clear);
  for (const { options, method } of file.service) [options, ...method.map((one) => one.options)].forEach(clear);
  return base64Encode(toBinary(FileDescriptorProtoSchema, file), "std_raw");
}

function clearMessage(message: DescriptorProto): void {
  clear(message.options);
  for (const field of message.field) {
    clear(field.options);
    if (field.options !== undefined && toBinary(FieldOptionsSchema, field.options).length === 0) delete field.options;
  }
  for (const { options, value } of message.enumType) [options, ...value.map((one) => one.options)].forEach(clear);
  message.nestedType.forEach(clearMessage);
}

/** Clears what protobuf-es does not know, which is every extension. */
function clear(options: Message | undefined): void {
  if (options !== undefined) delete options.$unknown;
}
