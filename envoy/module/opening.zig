//! Decides from its first bytes what a provider's answer is. Content types are not reliable: streams come labelled as
//! plain text or JSON, and documents as octet streams.

const std = @import("std");
const isLineEnd = @import("events.zig").isLineEnd;

pub const Kind = enum { document, stream, foreign };
pub const Decision = struct { kind: Kind, first: usize };

const byte_order_mark = "\xef\xbb\xbf";
const fields = [_][]const u8{ "data", "event", "id", "retry", "" };

/// The beginning of an answer, which may be cut anywhere.
pub const Opening = struct {
    /// How many bytes of a byte order mark have passed.
    mark: usize = 0,

    /// Returns what the answer is, and where its content begins in this piece; null as long as only spaces passed.
    pub fn read(self: *Opening, bytes: []const u8) ?Decision {
        for (bytes, 0..) |byte, index| {
            if (self.mark < byte_order_mark.len and byte == byte_order_mark[self.mark]) {
                self.mark += 1;
                continue;
            }
            self.mark = byte_order_mark.len;
            if (std.ascii.isWhitespace(byte)) continue;
            return .{ .kind = kindOf(bytes[index..]), .first = index };
        }
        return null;
    }
};

fn kindOf(content: []const u8) Kind {
    if (content[0] == '{' or content[0] == '[') return .document;
    for (fields) |field| {
        if (beginsWithField(content, field)) return .stream;
    }
    return .foreign;
}

/// Returns whether a line of server-sent events may begin like this.
fn beginsWithField(content: []const u8, field: []const u8) bool {
    if (content.len <= field.len) return std.mem.startsWith(u8, field, content);
    return std.mem.startsWith(u8, content, field) and (content[field.len] == ':' or (field.len > 0 and isLineEnd(content[field.len])));
}
