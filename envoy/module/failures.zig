//! What the rewriter does with a provider's unsuccessful response: it collects the body, and passes it on only if it is
//! about the caller's request.

const std = @import("std");
const answers = @import("answers.zig");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const json = @import("json_reader.zig");
const provider_errors = @import("provider_errors.zig");
const usage = @import("usage.zig");
const Credentials = @import("credentials.zig").Credentials;
const Pieces = @import("pieces.zig").Pieces;

const allocator = std.heap.c_allocator;

/// Errors have a few hundred bytes. A longer body is not passed on.
pub const body_bytes_max = 1024 * 1024;

pub const Failure = struct {
    status: u32,
    body: std.ArrayList(u8) = .empty,
    is_cut: bool = false,

    pub fn deinit(self: *Failure) void {
        self.body.deinit(allocator);
    }

    /// Moves the next bytes from Envoy into `body`.
    pub fn collect(self: *Failure, stream: envoy.Stream) void {
        self.peek(stream);
        envoy.replaceBody(stream, .received_response, "");
    }

    /// Copies the next bytes from Envoy into `body`.
    pub fn peek(self: *Failure, stream: envoy.Stream) void {
        self.read(stream) catch {
            self.is_cut = true;
        };
    }

    fn read(self: *Failure, stream: envoy.Stream) error{OutOfMemory}!void {
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        try pieces.read(stream, &.{.received_response});
        if (self.is_cut or self.body.items.len + pieces.length() > body_bytes_max) {
            self.is_cut = true;
            return;
        }
        for (pieces.slices()) |piece| try self.body.appendSlice(allocator, piece.bytes());
    }

    /// Returns why the complete answer must not be passed on; null if it may.
    pub fn refusal(self: *const Failure) ?contract.RefusedAnswer {
        if (provider_errors.refusalOf(self.status, self.body.items)) |reason| return reason;
        return if (self.is_cut) .unreadable else null;
    }

    /// Returns why the provider refuses the gateway's account; null if it does not.
    pub fn accountRefusal(self: *const Failure) ?contract.RefusedAnswer {
        const reason = provider_errors.refusalOf(self.status, self.body.items) orelse return null;
        return switch (reason) {
            .credential, .permission, .billing => reason,
            else => null,
        };
    }

    /// Replaces the credentials in the body. `more` are those of this call only.
    pub fn blank(self: *Failure, credentials: *const Credentials, more: []const []const u8) error{OutOfMemory}!void {
        const blanked = try credentials.blanked(self.body.items, more) orelse return;
        defer allocator.free(blanked);
        self.body.clearRetainingCapacity();
        try self.body.appendSlice(allocator, blanked);
    }

    /// Returns after how many seconds the provider allows a retry.
    pub fn retryAfter(self: *const Failure, stream: envoy.Stream) ?u64 {
        if (envoy.header(stream, .response, contract.retry_after)) |text| {
            if (provider_errors.secondsOf(text, 1)) |seconds| return seconds;
        }
        if (envoy.header(stream, .response, contract.retry_after_ms)) |text| {
            if (provider_errors.secondsOf(text, std.time.ms_per_s)) |seconds| return seconds;
        }
        return provider_errors.retryDelay(self.body.items);
    }

    /// Reports the kind of the error, when a retry is allowed, and `reason` if the answer is refused.
    pub fn report(self: *const Failure, stream: envoy.Stream, reason: ?contract.RefusedAnswer, retry_after_s: ?u64) error{OutOfMemory}!void {
        var facts: usage.Facts = .{ .allocator = allocator };
        defer facts.deinit();
        var reader: json.Reader(usage.Document) = .init(allocator, .{ .allocator = allocator });
        defer reader.deinit();
        defer reader.visitor.deinit();
        reader.push(self.body.items) catch {};
        _ = try reader.visitor.addTo(&facts);
        if (retry_after_s) |seconds| try facts.setNumber(.retry_after, seconds);
        if (reason) |why| try facts.setText(.refused_answer, @tagName(why));
        try answers.writeFacts(stream, &facts);
    }
};

pub fn isTooLong(retry_after_s: ?u64) bool {
    return (retry_after_s orelse 0) > contract.retry_after_max_s;
}

/// Returns whether a status says that the provider failed, and not the caller's request.
pub fn isOfProvider(status: u32) bool {
    return status >= 500 or status == 408;
}

/// Says that a retry may succeed at once, because another deployment serves it.
pub fn sendElsewhere(stream: envoy.Stream) void {
    envoy.setHeader(stream, .response, contract.should_retry, "true");
    envoy.removeHeader(stream, .response, contract.retry_after);
    envoy.removeHeader(stream, .response, contract.retry_after_ms);
}

/// Returns the error that the caller receives instead of a refused answer.
pub fn errorOf(reason: contract.RefusedAnswer) contract.Refusal {
    return switch (reason) {
        .credential, .permission, .billing, .redirect => .provider_unavailable,
        .rate_limit => .provider_rate_limited,
        .unreadable => .provider_error,
    };
}

/// Returns whether an answer is about the account that called, so that its owner may read it.
pub fn isAboutAccount(reason: contract.RefusedAnswer) bool {
    return switch (reason) {
        .credential, .permission, .billing, .rate_limit => true,
        .redirect, .unreadable => false,
    };
}

/// Returns whether retrying the call soon may help.
pub fn mayRetry(reason: contract.RefusedAnswer, retry_after_s: ?u64) bool {
    return switch (reason) {
        .credential, .permission, .billing, .redirect => false,
        .rate_limit => !isTooLong(retry_after_s),
        .unreadable => true,
    };
}
