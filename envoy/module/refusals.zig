//! What the rewriter refuses, and how it says so to callers of each dialect.

const std = @import("std");
const json_text = @import("json_text.zig");
const Text = json_text.Text;

pub const Refusal = enum {
    body_not_object,
    body_too_deep,
    escaped_key,
    invalid_model,
    invalid_stream_options,
    malformed_body,
    misspelled_key,
    nested_value,
    repeated_key,
    unsupported_encoding,
    gateway_error,

    pub fn status(self: Refusal) u32 {
        return if (self == .gateway_error) 500 else 400;
    }

    pub fn message(self: Refusal) []const u8 {
        return switch (self) {
            .body_not_object => "The request body must be one JSON object.",
            .body_too_deep => "The request body nests deeper than 1000 levels. Send a flatter one.",
            .escaped_key => "The request body has a key written with a backslash escape. Write its characters plainly.",
            .invalid_model => "`model` must be a string.",
            .invalid_stream_options => "`stream_options` must be an object, and its `include_usage` true or false.",
            .malformed_body => "The request body is not valid JSON. Check its brackets, quotes and commas, and that nothing follows it.",
            .misspelled_key => "The request body has a key that differs only in letter case from one that counts. Use the documented spelling.",
            .nested_value => "A parameter that decides the price is an object or an array. Send it as a plain value.",
            .repeated_key => "The request body names the same key twice. Send each key once.",
            .unsupported_encoding => "The request body is compressed. Send it without content-encoding.",
            .gateway_error => "The gateway could not process this call. Retry in a few seconds.",
        };
    }
};

pub const Dialect = enum { openai, anthropic, gemini };

fn startsPath(path: []const u8, prefix: []const u8) bool {
    if (!std.mem.startsWith(u8, path, prefix)) return false;
    return path.len == prefix.len or path[prefix.len] == '/' or path[prefix.len] == '?';
}

/// The dialect of the path that was called.
pub fn dialectOf(path: []const u8) Dialect {
    if (startsPath(path, "/v1/messages")) return .anthropic;
    if (startsPath(path, "/v1beta")) return .gemini;
    const models = "/v1/models/";
    if (std.mem.startsWith(u8, path, models)) {
        const end = std.mem.indexOfScalar(u8, path, '?') orelse path.len;
        if (std.mem.indexOfScalarPos(u8, path[0..end], models.len, ':') != null) return .gemini;
    }
    return .openai;
}

/// Appends the error as JSON.
pub fn appendError(allocator: std.mem.Allocator, body: *Text, dialect: Dialect, refusal: Refusal) error{OutOfMemory}!void {
    const kind = if (refusal.status() >= 500) "api_error" else "invalid_request_error";
    switch (dialect) {
        .openai => try appendAll(allocator, body, .{ "{\"error\":{\"message\":", refusal, ",\"type\":\"", kind, "\",\"param\":null,\"code\":\"", @tagName(refusal), "\"}}" }),
        .anthropic => try appendAll(allocator, body, .{ "{\"type\":\"error\",\"error\":{\"type\":\"", kind, "\",\"message\":", refusal, ",\"code\":\"", @tagName(refusal), "\"}}" }),
        .gemini => try appendGemini(allocator, body, refusal),
    }
}

fn appendGemini(allocator: std.mem.Allocator, body: *Text, refusal: Refusal) error{OutOfMemory}!void {
    const is_ours = refusal.status() >= 500;
    var reason: [32]u8 = undefined;
    try appendAll(allocator, body, .{
        "{\"error\":{\"code\":",
        if (is_ours) "500" else "400",
        ",\"message\":",
        refusal,
        ",\"status\":\"",
        if (is_ours) "INTERNAL" else "INVALID_ARGUMENT",
        "\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"",
        std.ascii.upperString(&reason, @tagName(refusal)),
        "\",\"domain\":\"megarouter\"}]}}",
    });
}

/// Appends texts as they are, and of a refusal its message as a JSON string.
fn appendAll(allocator: std.mem.Allocator, body: *Text, parts: anytype) error{OutOfMemory}!void {
    inline for (parts) |part| {
        if (@TypeOf(part) == Refusal) {
            try json_text.appendString(allocator, body, part.message());
        } else {
            try body.appendSlice(allocator, part);
        }
    }
}
