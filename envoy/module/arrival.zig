//! The filter before authz_service. At the headers it asks whether the caller's key is known, unless it knows already, so
//! that no body of a stranger is kept. Then it copies what a decision depends on from the body into metadata, while the
//! body arrives. The body itself never leaves Envoy.

const std = @import("std");
const bodies = @import("bodies.zig");
const contract = @import("contract.zig");
const dialects = @import("dialects.zig");
const envoy = @import("envoy.zig");
const facts = @import("facts_reading.zig");
const hosts = @import("hosts.zig");
const key_question = @import("key_question.zig");
const shown = @import("credentials_shown.zig");
const Configuration = @import("configuration.zig").Configuration;

const allocator = std.heap.c_allocator;

/// What one answer of authz_service may have. A refusal has a few hundred bytes.
const answer_bytes_max = 65_536;
const status_unauthorized = 401;
const status_forbidden = 403;
const status_unavailable = 503;
const asked_headers = contract.credential_headers ++ [_][]const u8{contract.dialect_version};

pub const Arrival = struct {
    configuration: *const Configuration,
    credentials: shown.Credentials = .{},
    reading: ?*facts.Reading = null,
    waiting: shown.Waiting = .{ .usual_bytes_max = 0 },
    body: bodies.Body = .{},

    pub fn create(configuration: *const Configuration) ?*Arrival {
        const arrival = allocator.create(Arrival) catch return null;
        arrival.* = .{ .configuration = configuration };
        return arrival;
    }

    pub fn destroy(self: *Arrival) void {
        self.body.end(&bodies.counts);
        if (self.reading) |reading| reading.destroy();
        allocator.destroy(self);
    }

    /// Handles the headers. Without a body, authz_service decides the call at once.
    pub fn begin(self: *Arrival, stream: envoy.Stream, is_end: bool) envoy.HeadersStatus {
        if (hosts.namesSeveral(stream)) return refuse(stream, .several_hosts);
        self.credentials = .read(stream, .model, &contract.credential_headers);
        if (self.credentials.shown == .known) return if (is_end) .proceed else self.beginBody(stream);
        if (self.credentials.shown == .nothing) {
            if (is_end) return .proceed;
            if (!hasKeyInQuery(stream)) return refuse(stream, .missing_api_key);
        }
        if (shown.Credentials.isExhausted(stream)) return refuse(stream, .too_many_unknown_keys);
        if (is_end) return .proceed;
        ask(stream, self.configuration) catch return refuse(stream, .dependency_unavailable);
        self.waiting = .begin(stream);
        return .wait;
    }

    /// Handles the answer to the question.
    pub fn hear(self: *Arrival, stream: envoy.Stream, reply: envoy.Reply) void {
        self.decide(stream, reply) catch {
            _ = refuse(stream, .dependency_unavailable);
        };
    }

    fn decide(self: *Arrival, stream: envoy.Stream, reply: envoy.Reply) !void {
        const frame = try reply.body(allocator, answer_bytes_max);
        defer allocator.free(frame);
        const answer = try key_question.read(frame);
        if (answer.is_known) {
            self.credentials.prove(stream, answer.organization);
            if (self.beginBody(stream) == .proceed) self.waiting.end(stream);
            return;
        }
        if (answer.status != status_unavailable) self.credentials.refute(stream);
        var headers: [key_question.headers_max]envoy.Header = undefined;
        for (answer.headers[0..answer.header_count], 0..) |header, index| headers[index] = .of(header.name, header.value);
        if (answer.metadata.len > 0) envoy.setMetadata(stream, contract.decision_namespace, answer.metadata);
        // The last step: Envoy may destroy the filter with it.
        respond(stream, answer.status, headers[0..answer.header_count], answer.body);
    }

    fn beginBody(self: *Arrival, stream: envoy.Stream) envoy.HeadersStatus {
        const announced = std.fmt.parseInt(u64, envoy.header(stream, .request, contract.content_length) orelse "", 10) catch 0;
        const excess = self.body.begin(&bodies.counts, self.credentials.holder(), self.credentials.organization, announced, self.configuration.bodies_max);
        return if (excess) |whose| self.refuseBody(stream, whose) else .proceed;
    }

    fn refuseBody(self: *Arrival, stream: envoy.Stream, excess: bodies.Excess) envoy.HeadersStatus {
        self.body.end(&bodies.counts);
        return refuse(stream, switch (excess) {
            .caller => .too_many_unfinished_bodies,
            .total => .overloaded,
        });
    }

    /// Handles the next bytes of the body. Without one it sets nothing.
    pub fn readBody(self: *Arrival, stream: envoy.Stream, is_end: bool) envoy.BodyStatus {
        if (is_end) {
            self.body.end(&bodies.counts);
        } else if (self.body.grow(&bodies.counts, envoy.bodyBytes(stream, .received_request), self.configuration.bodies_max)) |excess| {
            _ = self.refuseBody(stream, excess);
            return .stop;
        }
        if (self.reading == null) self.reading = facts.Reading.create();
        if (self.reading) |reading| {
            reading.push(stream);
            if (is_end) reading.finish(stream);
        } else if (is_end) facts.reportUnreadable(stream);
        return .proceed;
    }

    /// Handles the trailers that end the request.
    pub fn endBody(self: *Arrival, stream: envoy.Stream) envoy.HeadersStatus {
        self.body.end(&bodies.counts);
        if (self.reading) |reading| reading.finish(stream);
        return .proceed;
    }

    fn learnModel(self: *const Arrival, stream: envoy.Stream) void {
        const reading = self.reading orelse return;
        if (hasDecision(stream, .hold)) reading.learn(stream, hasDecision(stream, .routed));
    }

    /// Learns from the answer to the call whether its key is valid. Only authz_service admits calls.
    pub fn learn(self: *Arrival, stream: envoy.Stream) void {
        self.learnModel(stream);
        if (self.credentials.shown != .unknown and self.credentials.shown != .known) return;
        const status = envoy.statusOf(stream);
        const is_refusal = status == status_unauthorized or status == status_forbidden;
        if (!is_refusal and self.credentials.is_fresh) return;
        const organization = envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.organization));
        if (organization) |of_admitted| {
            self.credentials.prove(stream, of_admitted);
        } else if (is_refusal) self.credentials.refute(stream);
    }
};

fn hasDecision(stream: envoy.Stream, key: contract.DecisionKey) bool {
    return envoy.metadataText(stream, contract.decision_namespace, @tagName(key)) != null;
}

fn ask(stream: envoy.Stream, configuration: *const Configuration) !void {
    var arena_state: std.heap.ArenaAllocator = .init(allocator);
    defer arena_state.deinit();
    const arena = arena_state.allocator();
    var headers: std.ArrayList(key_question.Header) = .empty;
    for (asked_headers) |name| {
        var count: usize = 1;
        var index: usize = 0;
        while (index < count) : (index += 1) {
            const value = envoy.headerAt(stream, .request, name, index, &count) orelse continue;
            try headers.append(arena, .{ .name = name, .value = value });
        }
    }
    const question: key_question.Question = .{
        .method = envoy.header(stream, .request, ":method") orelse "",
        .path = envoy.header(stream, .request, ":path") orelse "",
        .address = shown.addressOf(stream),
        .headers = headers.items,
    };
    const more = try arena.alloc(envoy.Header, configuration.question_headers.len);
    for (more, configuration.question_headers) |*one, header| one.* = .of(header.name, header.value);
    try envoy.callGrpc(stream, configuration.question_cluster, contract.key_question_path, more, try question.encode(arena), configuration.question_timeout_ms);
}

/// A key in the URL is refused with a warning that authz_service words.
fn hasKeyInQuery(stream: envoy.Stream) bool {
    const path = envoy.header(stream, .request, ":path") orelse return false;
    const query = path[std.mem.indexOfScalar(u8, path, '?') orelse return false ..];
    return std.mem.indexOf(u8, query, "key=") != null;
}

fn refuse(stream: envoy.Stream, reason: contract.Refusal) envoy.HeadersStatus {
    const headers = [_]envoy.Header{
        .of(contract.content_type, contract.json_type),
        if (reason == .missing_api_key or reason == .several_hosts) .of(contract.should_retry, "false") else .of(contract.retry_after, "1"),
    };
    envoy.setMetadataText(stream, contract.decision_namespace, contract.refused, @tagName(reason));
    respond(stream, reason.status(), &headers, reason.body(dialectOf(stream)));
    return .stop;
}

/// Returns the dialect of an error: that of the path, or of the caller's SDK if the path names none.
fn dialectOf(stream: envoy.Stream) contract.Dialect {
    const by_path = dialects.dialectOf(envoy.header(stream, .request, ":path") orelse "");
    if (by_path != .openai or envoy.header(stream, .request, contract.dialect_version) == null) return by_path;
    return .anthropic;
}

fn respond(stream: envoy.Stream, status: u32, headers: []const envoy.Header, body: []const u8) void {
    envoy.setMetadataTrue(stream, contract.rewriter_namespace, contract.answered);
    envoy.respond(stream, status, headers, body, contract.refused_at_headers_details);
}
