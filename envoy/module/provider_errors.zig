//! Tells errors about a caller's request from errors about the gateway's own account, and from limits of rate.
//!
//! Providers report an account that is blocked or without credit under many statuses. What identifies such an error is
//! always a whole JSON string, or the beginning of one, so a caller's text inside a message cannot imitate it.

const std = @import("std");
const RefusedAnswer = @import("contract.zig").RefusedAnswer;

const Sign = struct { text: []const u8, reason: RefusedAnswer };

const signs = [_]Sign{
    .{ .text = "\"insufficient_quota\"", .reason = .billing }, // OpenAI and servers that imitate it, 429
    .{ .text = "\"billing_not_active\"", .reason = .billing },
    .{ .text = "\"billing_hard_limit_reached\"", .reason = .billing },
    .{ .text = "\"billing_error\"", .reason = .billing }, // Anthropic
    .{ .text = "\"Your credit balance is too low", .reason = .billing }, // Anthropic, 400
    .{ .text = "\"You have reached your specified API usage limits", .reason = .billing },
    .{ .text = "\"This organization has been disabled", .reason = .permission },
    .{ .text = "\"exceeded_current_quota_error\"", .reason = .billing }, // Moonshot, 429
    .{ .text = "\"Insufficient Balance\"", .reason = .billing }, // DeepSeek
    .{ .text = "has either used all available credits or reached its monthly spending limit", .reason = .billing }, // xAI, 429
    .{ .text = "\"Your prepayment credits are depleted", .reason = .billing }, // Gemini, 429
    .{ .text = "\"BILLING_DISABLED\"", .reason = .billing },
    .{ .text = "\"QUOTA_EXHAUSTED\"", .reason = .billing },
    .{ .text = "\"API_KEY_INVALID\"", .reason = .credential }, // Gemini, 400
    .{ .text = "\"API key not valid", .reason = .credential },
    .{ .text = "\"API key expired", .reason = .credential },
    .{ .text = "\"invalid_api_key\"", .reason = .credential },
    .{ .text = "\"Incorrect API key provided", .reason = .credential }, // xAI, 400
    .{ .text = "\"account_deactivated\"", .reason = .permission },
    .{ .text = "\"organization_restricted\"", .reason = .permission }, // Groq, 400
    .{ .text = "\"Your organization must be verified", .reason = .permission }, // OpenAI, 400
    .{ .text = "\"User location is not supported", .reason = .permission }, // Gemini, 400
};

/// Returns why an error must not be passed on; null if it is about the caller's request, or the provider's own failure.
pub fn refusalOf(status: u32, body: []const u8) ?RefusedAnswer {
    switch (status) {
        401 => return .credential,
        402 => return .billing,
        403, 407 => return if (reasonIn(body) == .billing) .billing else .permission,
        else => {},
    }
    if (status < 500) {
        if (reasonIn(body)) |reason| return reason;
    }
    if (status != 429) return null;
    return if (isDailyQuota(body)) .billing else .rate_limit;
}

fn reasonIn(body: []const u8) ?RefusedAnswer {
    for (signs) |sign| {
        if (std.mem.indexOf(u8, body, sign.text) != null) return sign.reason;
    }
    return null;
}

/// Gemini reports limits by the minute and by the day alike. Only the former come with a short delay.
fn isDailyQuota(body: []const u8) bool {
    if (std.mem.indexOf(u8, body, "\"QuotaFailure\"") == null and std.mem.indexOf(u8, body, "google.rpc.QuotaFailure") == null) return false;
    return std.mem.indexOf(u8, body, "PerDay") != null;
}

/// Returns the seconds of Gemini's `retryDelay`, rounded up.
pub fn retryDelay(body: []const u8) ?u64 {
    const key = "\"retryDelay\"";
    const found = std.mem.indexOf(u8, body, key) orelse return null;
    const rest = std.mem.trimStart(u8, body[found + key.len ..], " \t\r\n:\"");
    const length = std.mem.indexOfNone(u8, rest, "0123456789.") orelse rest.len;
    return secondsOf(rest[0..length], 1);
}

const retry_max_s = 365 * std.time.s_per_day;

/// Returns a duration in seconds, rounded up; null if the text is no number, such as a date.
pub fn secondsOf(text: []const u8, units_per_second: f64) ?u64 {
    if (text.len == 0 or std.mem.indexOfNone(u8, text, "0123456789.") != null) return null;
    const seconds = (std.fmt.parseFloat(f64, text) catch return null) / units_per_second;
    return if (seconds <= retry_max_s) @intFromFloat(@ceil(seconds)) else null;
}
