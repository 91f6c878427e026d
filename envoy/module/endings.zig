//! How answers end, by the words of the providers.

const std = @import("std");

/// From the best to the worst.
pub const Ending = enum {
    /// The model had nothing more to say, or calls a tool.
    regular,
    /// At the output limit, or at the end of the context window.
    length,
    /// The model or a filter of the provider refused.
    refused,

    pub fn of(word: []const u8) Ending {
        return words.get(word) orelse .regular;
    }

    pub fn worseOf(self: Ending, other: Ending) Ending {
        return if (@backingInt(self) >= @backingInt(other)) self else other;
    }
};

const words = std.StaticStringMap(Ending).initComptime(.{
    .{ "length", .length },
    .{ "model_length", .length },
    .{ "max_tokens", .length },
    .{ "max_output_tokens", .length },
    .{ "model_context_window_exceeded", .length },
    .{ "MAX_TOKENS", .length },
    .{ "content_filter", .refused },
    .{ "refusal", .refused },
    .{ "SAFETY", .refused },
    .{ "RECITATION", .refused },
    .{ "BLOCKLIST", .refused },
    .{ "PROHIBITED_CONTENT", .refused },
    .{ "SPII", .refused },
});
