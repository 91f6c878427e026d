//! The filter at the door of the admin listener: no body of a caller without a known credential passes it, and no filter
//! behind it parses one. admin_service still authenticates every call.

const std = @import("std");
const budgets = @import("budgets.zig");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const hosts = @import("hosts.zig");
const key_question = @import("key_question.zig");
const shown = @import("credentials_shown.zig");
const Configuration = @import("configuration.zig").Configuration;

const allocator = std.heap.c_allocator;

const credential_names = [_][]const u8{contract.authorization};
const grpc_type = "application/grpc";
const grpc_status = "grpc-status";
/// Calls about health and reflection need no credential. Their messages are small.
const open_root = "/grpc.";
const open_bytes_max = 16_384;

const unauthenticated = "16";
/// What says nothing about a credential. gRPC's server cancels a question that arrives while it stops.
const no_answers = [_][]const u8{ "", "1", Refusal.unavailable.grpcStatus() };

/// Why a call is refused.
const Refusal = enum {
    unauthenticated,
    too_many_unknown,
    too_large,
    unavailable,
    busy,
    too_many_own,
    empty,
    several_hosts,

    fn status(self: Refusal) u32 {
        return switch (self) {
            .unauthenticated => 401,
            .too_many_unknown, .too_many_own => 429,
            .too_large => 413,
            .unavailable, .busy => 503,
            .empty, .several_hosts => 400,
        };
    }

    fn grpcStatus(self: Refusal) []const u8 {
        return switch (self) {
            .unauthenticated => "16",
            .too_many_unknown, .too_many_own => "8",
            .too_large, .empty, .several_hosts => "3",
            .unavailable, .busy => "14",
        };
    }

    fn message(self: Refusal) []const u8 {
        return switch (self) {
            .unauthenticated => contract.admin_unauthenticated_message,
            .too_many_unknown => contract.admin_too_many_message,
            .too_large => "The request is too large. Send less in one request.",
            .unavailable => "The admin API cannot be reached now. Try again.",
            .busy => contract.admin_busy_message,
            .too_many_own => contract.admin_too_many_own_message,
            .several_hosts => contract.several_hosts_message,
            .empty => "The call has no message. Send one, even if it is empty: five bytes of zero.",
        };
    }
};

pub const Visit = struct {
    configuration: *const Configuration,
    credentials: shown.Credentials = .{},
    is_grpc: bool = false,
    /// Whether only a small body may pass, because the call shows no credential.
    is_open: bool = false,
    bytes: usize = 0,
    waiting: shown.Waiting = .{ .usual_bytes_max = 0 },
    has_place: bool = false,

    pub fn create(configuration: *const Configuration) ?*Visit {
        const visit = allocator.create(Visit) catch return null;
        visit.* = .{ .configuration = configuration };
        return visit;
    }

    pub fn destroy(self: *Visit) void {
        if (self.has_place) {
            budgets.admin_calls.giveBack(1);
            self.ownCalls().giveBack(1);
        }
        allocator.destroy(self);
    }

    pub fn begin(self: *Visit, stream: envoy.Stream, is_end: bool) envoy.HeadersStatus {
        self.is_grpc = std.mem.startsWith(u8, envoy.header(stream, .request, contract.content_type) orelse "", grpc_type);
        if (hosts.namesSeveral(stream)) return self.refuse(stream, .several_hosts);
        self.credentials = .read(stream, .admin, &credential_names);
        // Without a message, gRPC's server waits for one that never comes.
        if (self.is_grpc and is_end) return self.refuse(stream, .empty);
        const is_exhausted = self.credentials.shown == .unknown and shown.Credentials.isExhausted(stream);
        if (is_exhausted) return self.refuse(stream, .too_many_unknown);
        if (self.credentials.shown == .known) return if (self.takePlace()) |why| self.refuse(stream, why) else .proceed;
        if (is_end) return .proceed;
        if (self.credentials.shown == .unknown) {
            ask(stream, self.configuration) catch return self.refuse(stream, .unavailable);
            self.waiting = .begin(stream);
            return .wait;
        }
        self.is_open = self.is_grpc and std.mem.startsWith(u8, envoy.header(stream, .request, ":path") orelse "", open_root);
        return if (self.is_open) .proceed else self.refuse(stream, .unauthenticated);
    }

    /// Handles the answer to the question. An error of a handler means that admin_service has accepted the credential, unless it
    /// says the opposite.
    pub fn hear(self: *Visit, stream: envoy.Stream, reply: envoy.Reply) void {
        const status = reply.header(grpc_status) orelse if (reply.pieces.len > 0) "0" else "";
        if (!reply.is_complete or saysNothing(status)) {
            _ = self.refuse(stream, .unavailable);
        } else if (std.mem.eql(u8, status, unauthenticated)) {
            self.credentials.refute(stream);
            _ = self.refuse(stream, .unauthenticated);
        } else {
            self.credentials.prove(stream, "");
            if (self.takePlace()) |why| {
                _ = self.refuse(stream, why);
            } else self.waiting.end(stream);
        }
    }

    /// Takes a place among the calls of known callers, or returns why there is none. Strangers have places of their own and keep
    /// nothing.
    fn takePlace(self: *Visit) ?Refusal {
        if (!self.ownCalls().take(self.configuration.caller_calls_max)) return .too_many_own;
        self.has_place = budgets.admin_calls.take(self.configuration.calls_max);
        if (self.has_place) return null;
        self.ownCalls().giveBack(1);
        return .busy;
    }

    fn ownCalls(self: *const Visit) *budgets.Budget {
        return budgets.admin_callers.of(self.credentials.holder());
    }

    pub fn readBody(self: *Visit, stream: envoy.Stream, is_end: bool) envoy.BodyStatus {
        if (!self.is_open and !self.is_grpc) return .proceed;
        self.bytes += envoy.bodyBytes(stream, .received_request);
        if (self.is_open and self.bytes > open_bytes_max) {
            _ = self.refuse(stream, .too_large);
            return .stop;
        }
        if (!is_end or self.bytes > 0) return .proceed;
        _ = self.refuse(stream, .empty);
        return .stop;
    }

    pub fn endBody(self: *Visit, stream: envoy.Stream) envoy.HeadersStatus {
        return if (self.is_grpc and self.bytes == 0) self.refuse(stream, .empty) else .proceed;
    }

    /// Forgets a credential that admin_service has refused.
    pub fn learn(self: *Visit, stream: envoy.Stream) void {
        if (self.credentials.shown != .known and self.credentials.shown != .unknown) return;
        const status = envoy.header(stream, .response, grpc_status) orelse "";
        if (envoy.statusOf(stream) == Refusal.unauthenticated.status() or std.mem.eql(u8, status, unauthenticated)) self.credentials.refute(stream);
    }

    fn refuse(self: *const Visit, stream: envoy.Stream, reason: Refusal) envoy.HeadersStatus {
        const details = contract.refused_at_headers_details;
        envoy.setMetadataText(stream, contract.decision_namespace, contract.refused, @tagName(reason));
        if (!self.is_grpc) {
            const headers = [_]envoy.Header{.of(contract.content_type, "text/plain")};
            envoy.respond(stream, reason.status(), &headers, reason.message(), details);
            return .stop;
        }
        const headers = [_]envoy.Header{
            .of(contract.content_type, grpc_type),
            .of(grpc_status, reason.grpcStatus()),
            .of("grpc-message", reason.message()),
            .of("grpc-status-details-bin", contract.admin_unauthenticated_details),
        };
        envoy.respond(stream, 200, headers[0..if (reason == .unauthenticated) 4 else 3], "", details);
        return .stop;
    }
};

fn saysNothing(status: []const u8) bool {
    for (no_answers) |one| if (std.mem.eql(u8, status, one)) return true;
    return false;
}

/// Calls a method that reads the caller first. What it answers besides does not matter.
fn ask(stream: envoy.Stream, configuration: *const Configuration) !void {
    var arena_state: std.heap.ArenaAllocator = .init(allocator);
    defer arena_state.deinit();
    const arena = arena_state.allocator();
    var headers: std.ArrayList(envoy.Header) = .empty;
    for ([_][]const u8{ contract.authorization, contract.identity, contract.request_id }) |name| {
        if (envoy.header(stream, .request, name)) |value| try headers.append(arena, .of(name, value));
    }
    try headers.append(arena, .of(contract.client_address, shown.addressOf(stream)));
    try envoy.callGrpc(stream, configuration.question_cluster, contract.admin_question_path, headers.items, try key_question.framed(arena, ""), configuration.question_timeout_ms);
}
