//! The dialect of errors by path, decided as in `gateway_core.contract.path_dialects`.

const std = @import("std");
const contract = @import("contract.zig");

fn isBelow(path: []const u8, root: []const u8) bool {
    return std.mem.startsWith(u8, path, root) and (path.len == root.len or path[root.len] == '/');
}

/// Returns the dialect of a path with or without its query.
pub fn dialectOf(path: []const u8) contract.Dialect {
    const plain = path[0 .. std.mem.indexOfScalar(u8, path, '?') orelse path.len];
    if (isBelow(plain, contract.anthropic_root) or isBelow(plain, contract.anthropic_base)) return .anthropic;
    if (isBelow(plain, contract.gemini_root)) return .gemini;
    const is_model = std.mem.startsWith(u8, plain, contract.gemini_models_root);
    return if (is_model and std.mem.indexOfScalar(u8, plain, ':') != null) .gemini else .openai;
}
