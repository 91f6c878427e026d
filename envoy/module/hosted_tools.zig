//! Counts the calls of tools that a provider runs itself and bills by use, as the Responses API lists them, and the results of
//! web searches in Anthropic's streams, whose report comes only at their end.

const std = @import("std");

/// The item types that count. The functions of a caller, and the tools that run on a caller's machine, cost nothing.
const Kind = enum { web_search_call, code_interpreter_call, file_search_call, image_generation_call, web_search_tool_result };

/// Returns whether an item of this type is a call of a tool that the provider runs. Its results stay with the provider.
pub fn isCall(item_type: []const u8) bool {
    const kind = std.meta.stringToEnum(Kind, item_type) orelse return false;
    return kind != .web_search_tool_result;
}

/// Longer than all counts as one JSON object.
pub const text_bytes_max = 256;

/// One output item.
pub const Item = struct {
    kind: ?Kind = null,
    is_search: bool = true,
    /// Whether a search failed, which providers do not bill.
    is_failed: bool = false,

    pub fn setKind(self: *Item, text: []const u8) void {
        self.kind = std.meta.stringToEnum(Kind, text);
    }

    /// Providers bill the searches of a web search, but not the pages that the model opens afterwards.
    pub fn setAction(self: *Item, text: []const u8) void {
        self.is_search = std.mem.eql(u8, text, "search");
        self.is_failed = std.mem.eql(u8, text, "web_search_tool_result_error");
    }
};

pub const Counts = struct {
    counts: std.EnumArray(Kind, u32) = .initFill(0),

    pub fn add(self: *Counts, item: Item) void {
        const kind = item.kind orelse return;
        if (kind == .web_search_call and !item.is_search) return;
        if (kind == .web_search_tool_result and item.is_failed) return;
        self.counts.getPtr(kind).* +|= 1;
    }

    pub fn addAll(self: *Counts, other: Counts) void {
        for (&self.counts.values, other.counts.values) |*count, added| count.* +|= added;
    }

    /// Returns the greater count of each kind.
    pub fn greatest(first: Counts, second: Counts) Counts {
        var result = first;
        for (&result.counts.values, second.counts.values) |*count, other| count.* = @max(count.*, other);
        return result;
    }

    /// Returns the counts as a JSON object, without zeros; an empty text if all are zero.
    pub fn write(self: Counts, buffer: *[text_bytes_max]u8) []const u8 {
        var writer: std.Io.Writer = .fixed(buffer);
        for (std.enums.values(Kind)) |kind| {
            const count = self.counts.get(kind);
            if (count == 0) continue;
            writer.print("{s}\"{s}\":{d}", .{ if (writer.end == 0) "{" else ",", @tagName(kind), count }) catch return "";
        }
        if (writer.end > 0) writer.writeByte('}') catch return "";
        return buffer[0..writer.end];
    }
};
