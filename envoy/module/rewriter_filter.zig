//! The filter after authz_service and ratelimit_service. It carries out the decision and reads the response.
//!
//! It passes no call without a decision, and no call on which it could not carry out the decision.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const json_text = @import("json_text.zig");
const ladders = @import("ladders.zig");
const dialects = @import("dialects.zig");
const rewriting = @import("rewriting.zig");
const failures = @import("failures.zig");
const provider_headers = @import("provider_headers.zig");
const own_keys = @import("own_keys.zig");
const Answer = @import("answers.zig").Answer;
const multipart = @import("multipart_reader.zig");
const Configuration = @import("configuration.zig").Configuration;
const form_facts = @import("form_facts.zig");
const Form = form_facts.Form;
const Pieces = @import("pieces.zig").Pieces;
const Reading = @import("facts_reading.zig").Reading;
const monotonicMs = @import("worker.zig").monotonicMs;

const allocator = std.heap.c_allocator;

const Error = error{ Undecided, OutOfMemory };

/// What the filter does with the response of a call.
const Response = union(enum) {
    /// It is not a provider's, or it is complete or replaced.
    ignored,
    answer: Answer,
    failure: failures.Failure,
};

/// A document of this size is passed on while it arrives. Envoy buffers more, and most answers are a tenth of it.
const held_bytes_max = 65_536;
/// So is one whose next bytes come later: some providers keep a connection open with a byte now and then.
const held_ms_max = 2_000;
const status_first_success = 200;
const status_first_redirect = 300;
const status_first_error = 400;

pub const Call = struct {
    configuration: *Configuration,
    hides_usage: bool = false,
    response: Response = .ignored,
    /// The headers wait for the first bytes of the body, so the caller can still receive an error.
    holds_headers: bool = false,
    /// authz_service quoted prices, so the headers of a small document wait for its end and then tell the cost.
    is_quoted: bool = false,
    /// When the first bytes of such a document came, by a clock that only runs forward.
    held_since_ms: ?i64 = null,
    /// The own keys that attempts carry, which no answer may quote.
    own_secrets: std.ArrayList([]const u8) = .empty,

    pub fn create(configuration: *Configuration) ?*Call {
        const call = allocator.create(Call) catch return null;
        call.* = .{ .configuration = configuration };
        return call;
    }

    pub fn destroy(self: *Call) void {
        self.drop();
        for (self.own_secrets.items) |secret| allocator.free(secret);
        self.own_secrets.deinit(allocator);
        allocator.destroy(self);
    }

    fn drop(self: *Call) void {
        switch (self.response) {
            .ignored => {},
            inline else => |*part| part.deinit(),
        }
        self.response = .ignored;
    }

    /// Handles the complete request. Returns whether it may continue; otherwise it has been answered.
    pub fn rewrite(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) bool {
        const refusal = self.carryOut(stream, bodies) catch .gateway_error;
        if (refusal) |problem| respond(stream, problem);
        return refusal == null;
    }

    fn carryOut(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) Error!?contract.Refusal {
        const dialect_name = decision(stream, .dialect) orelse return error.Undecided;
        const dialect = std.meta.stringToEnum(contract.Dialect, dialect_name) orelse return error.Undecided;
        const path = decision(stream, .upstream_path) orelse return error.Undecided;
        const encoding = envoy.header(stream, .request, contract.content_encoding) orelse "identity";
        if (!std.ascii.eqlIgnoreCase(encoding, "identity")) return .unsupported_encoding;
        self.learnOwnKeys(stream) catch |problem| switch (problem) {
            error.Unreadable => return .dependency_unavailable, // not with the gateway's credential instead
            error.OutOfMemory => return error.OutOfMemory,
        };
        if (try self.rewriteBody(stream, bodies)) |problem| return problem;
        try provider_headers.cleanRequest(stream, dialect, self.configuration.control_prefix, allocator);
        envoy.setHeader(stream, .request, ":path", path);
        // Envoy's router reads and removes it.
        if (decision(stream, .first_byte_timeout)) |limit_ms| envoy.setHeader(stream, .request, contract.attempt_timeout, limit_ms);
        return null;
    }

    fn learnOwnKeys(self: *Call, stream: envoy.Stream) error{ OutOfMemory, Unreadable }!void {
        const count = if (decision(stream, .own_keys)) |ids| std.mem.count(u8, ids, " ") + 1 else 0;
        for (0..count) |attempt| {
            const secret = try own_keys.ofAttempt(stream, self.configuration.own_key_folder, attempt) orelse continue;
            try self.learn(secret);
            if (std.mem.indexOfScalar(u8, secret, ':') == null) continue;
            // An access key of AWS has parts, and an answer may quote one of them.
            const whole = self.own_secrets.items[self.own_secrets.items.len - 1];
            var parts = std.mem.splitScalar(u8, whole, ':');
            while (parts.next()) |part| try self.learn(part);
        }
    }

    fn learn(self: *Call, secret: []const u8) error{OutOfMemory}!void {
        const copy = try allocator.dupe(u8, secret);
        errdefer allocator.free(copy);
        try self.own_secrets.append(allocator, copy);
    }

    fn rewriteBody(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) Error!?contract.Refusal {
        const model = decision(stream, .served_model);
        var wish: rewriting.Wish = .{
            .include_usage = isTrue(stream, .inject_include_usage),
        };
        if (decision(stream, .output_limit)) |text| wish.output_limit = rewriting.OutputLimit.of(text) orelse return error.Undecided;
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        try pieces.read(stream, bodies);
        if (pieces.length() == 0) return if (model == null and wish.isEmpty()) null else .body_not_object;
        const known = Reading.of(stream, pieces.length());
        if (isMaybeForm(pieces.slices()[0].bytes())) return rewriteForm(stream, bodies, &pieces, model, known);
        var model_text: json_text.Text = .empty;
        defer model_text.deinit(allocator);
        if (model) |name| {
            try json_text.appendString(allocator, &model_text, name);
            wish.model_text = model_text.items;
        }
        var room: rewriting.Room = undefined;
        switch (readBody(pieces.slices(), known, wish, &room)) {
            .refused => |refusal| return refusal,
            .edits => |edits| {
                if (edits.count > 0) try replace(stream, bodies, &pieces, edits.slice());
                self.hides_usage = edits.is_usage_injected;
                if (wish.model_text) |text| notePlace(stream, edits.slice(), text, pieces.length());
                return null;
            },
        }
    }

    /// Handles the beginning of the response, unless it is Envoy's own or a service's.
    pub fn beginResponse(self: *Call, stream: envoy.Stream, is_empty: bool) envoy.HeadersStatus {
        if (!envoy.isFromUpstream(stream)) return .proceed;
        provider_headers.cleanResponse(stream, allocator) catch return self.refuse(stream, .unreadable);
        const status = envoy.statusOf(stream);
        self.configuration.credentials.refresh(monotonicMs(), status >= status_first_error) catch return self.refuse(stream, .unreadable);
        self.blankHeaders(stream) catch return self.refuse(stream, .unreadable);
        if (status < status_first_success or (status >= status_first_redirect and status < status_first_error)) return self.refuse(stream, .redirect);
        if (!isPlain(stream)) return self.refuse(stream, .unreadable);
        if (status >= status_first_error) {
            self.response = .{ .failure = .{ .status = status } };
            if (is_empty) return if (self.finishFailure(stream, true)) .proceed else .stop;
            return .stop;
        }
        if (isTrue(stream, .file_answer)) return .proceed;
        if (is_empty) return self.refuse(stream, .unreadable);
        if (self.hides_usage) envoy.removeHeader(stream, .response, contract.content_length);
        const content_type = envoy.header(stream, .response, contract.content_type) orelse "";
        // Nothing in sound is read. authz_service admits only calls whose price does not depend on it.
        if (std.ascii.startsWithIgnoreCase(content_type, contract.audio_type) and isTrue(stream, .audio_answer)) return .proceed;
        self.response = .{ .answer = .{ .hides_usage = self.hides_usage } };
        self.holds_headers = !std.ascii.startsWithIgnoreCase(content_type, "text/event-stream");
        if (!self.holds_headers) return .proceed;
        self.is_quoted = decision(stream, .quote) != null;
        return .stop;
    }

    /// Handles the next bytes of the response.
    pub fn readResponse(self: *Call, stream: envoy.Stream, is_marked_end: bool) envoy.BodyStatus {
        const is_end = is_marked_end or (self.isHolding() and hasTrailers(stream));
        switch (self.response) {
            .ignored => {},
            .failure => |*failure| {
                failure.collect(stream);
                if (!is_end or !self.finishFailure(stream, false)) return .stop;
            },
            .answer => |*answer| {
                answer.push(stream);
                if (is_end) answer.end();
                if (self.holds_headers and answer.isForeign()) {
                    _ = self.refuse(stream, .unreadable);
                    return .stop;
                }
                if (is_end) {
                    self.finishAnswer(stream);
                } else if (self.waitsForCost(answer)) {
                    return .stop_and_buffer;
                }
                self.holds_headers = false;
            },
        }
        return .proceed;
    }

    fn isHolding(self: *const Call) bool {
        return self.holds_headers or self.response == .failure;
    }

    /// Returns whether the headers go on waiting. What has already passed on, is too large to be kept, or trickles does not
    /// wait.
    fn waitsForCost(self: *Call, answer: *const Answer) bool {
        if (!self.holds_headers or !self.is_quoted or !answer.isDocument() or answer.size > held_bytes_max) return false;
        const now_ms = monotonicMs();
        if (self.held_since_ms == null) self.held_since_ms = now_ms;
        return now_ms - self.held_since_ms.? <= held_ms_max;
    }

    /// Handles the end of a complete answer.
    fn finishAnswer(self: *Call, stream: envoy.Stream) void {
        const answer = &self.response.answer;
        if (self.holds_headers and self.is_quoted) answer.finishWithCost(stream) else answer.finish(stream);
        self.drop();
    }

    /// Handles the trailers that end the response.
    pub fn endResponse(self: *Call, stream: envoy.Stream) envoy.HeadersStatus {
        switch (self.response) {
            .ignored => {},
            .failure => return if (self.finishFailure(stream, true)) .proceed else .stop,
            .answer => |*answer| {
                answer.end();
                if (self.holds_headers and answer.isForeign()) return self.refuse(stream, .unreadable);
                self.finishAnswer(stream);
            },
        }
        return .proceed;
    }

    /// Handles the end of the call, perhaps before that of its response.
    pub fn finish(self: *Call, stream: envoy.Stream) void {
        if (self.response == .answer) self.response.answer.finish(stream);
        self.drop();
    }

    /// Handles the end of an error. Returns whether it passes; otherwise the caller has been answered.
    fn finishFailure(self: *Call, stream: envoy.Stream, is_without_body: bool) bool {
        const failure = &self.response.failure;
        const retry_after_s = failure.retryAfter(stream);
        if (failure.refusal()) |reason| if (!failures.isAboutAccount(reason) or !answersOwnKey(stream)) {
            _ = self.refuseFor(stream, reason, retry_after_s);
            return false;
        };
        self.blankFailure(failure) catch {
            _ = self.refuse(stream, .unreadable);
            return false;
        };
        failure.report(stream, null, retry_after_s) catch {};
        if (isElsewhere(stream) and failures.isOfProvider(failure.status)) {
            failures.sendElsewhere(stream);
        } else if (failures.isTooLong(retry_after_s)) envoy.setHeader(stream, .response, contract.should_retry, "false");
        defer self.drop();
        if (is_without_body and failure.body.items.len > 0) {
            pass(stream, failure);
            return false;
        }
        if (!is_without_body) {
            envoy.replaceBody(stream, .received_response, failure.body.items);
            setContentLength(stream, .response, failure.body.items.len);
        }
        return true;
    }

    fn refuse(self: *Call, stream: envoy.Stream, reason: contract.RefusedAnswer) envoy.HeadersStatus {
        return self.refuseFor(stream, reason, null);
    }

    /// Answers the call instead of the provider.
    fn refuseFor(self: *Call, stream: envoy.Stream, reason: contract.RefusedAnswer, retry_after_s: ?u64) envoy.HeadersStatus {
        const nothing: failures.Failure = .{ .status = 0 };
        const failure: *const failures.Failure = if (self.response == .failure) &self.response.failure else &nothing;
        failure.report(stream, reason, retry_after_s) catch {};
        self.drop();
        envoy.setMetadataTrue(stream, contract.rewriter_namespace, contract.answered);
        var digits: [20]u8 = undefined;
        var headers: [3]envoy.Header = undefined;
        headers[0] = .of(contract.content_type, contract.json_type);
        var count: usize = 1;
        const is_elsewhere = isElsewhere(stream);
        if (is_elsewhere or !failures.mayRetry(reason, retry_after_s)) {
            headers[count] = .of(contract.should_retry, if (is_elsewhere) "true" else "false");
            count += 1;
        }
        if (reason == .rate_limit and !is_elsewhere) if (retry_after_s) |seconds| {
            headers[count] = .of(contract.retry_after, std.fmt.bufPrint(&digits, "{d}", .{seconds}) catch "0");
            count += 1;
        };
        const problem = failures.errorOf(reason);
        const dialect = std.meta.stringToEnum(contract.Dialect, decision(stream, .dialect) orelse "") orelse .openai;
        envoy.respond(stream, problem.status(), headers[0..count], problem.body(dialect), contract.refused_answer_details);
        return .stop;
    }

    /// Replaces the credentials that a provider quotes in the body of an error.
    fn blankFailure(self: *const Call, failure: *failures.Failure) error{OutOfMemory}!void {
        try self.configuration.credentials.refresh(monotonicMs(), true);
        try failure.blank(&self.configuration.credentials, self.own_secrets.items);
    }

    /// Replaces the credentials that a provider quotes in its headers.
    fn blankHeaders(self: *const Call, stream: envoy.Stream) error{OutOfMemory}!void {
        const all = try envoy.allHeaders(stream, .response, allocator);
        defer allocator.free(all);
        for (all) |header| {
            const value = try self.configuration.credentials.blanked(header.value.bytes(), self.own_secrets.items) orelse continue;
            defer allocator.free(value);
            const key = try allocator.dupe(u8, header.key.bytes());
            defer allocator.free(key);
            envoy.setHeader(stream, .response, key, value);
            return self.blankHeaders(stream); // setting a header invalidates the others
        }
    }
};

/// Passes an error on whose body can no longer be replaced in its place.
fn pass(stream: envoy.Stream, failure: *const failures.Failure) void {
    envoy.setMetadataTrue(stream, contract.rewriter_namespace, contract.answered);
    const headers = [_]envoy.Header{.of(contract.content_type, contract.json_type)};
    envoy.respond(stream, failure.status, &headers, failure.body.items, "via_upstream_with_trailers");
}

/// Returns whether trailers have come before the last bytes of the body: the filter that decompresses answers adds some.
/// Envoy does not hand them over to a filter that waits for them.
fn hasTrailers(stream: envoy.Stream) bool {
    return envoy.headerCount(stream, .response_trailers) > 0;
}

/// Returns whether the body is readable: Envoy has already decompressed what it can.
fn isPlain(stream: envoy.Stream) bool {
    const encoding = envoy.header(stream, .response, contract.content_encoding) orelse return true;
    return encoding.len == 0 or std.ascii.eqlIgnoreCase(encoding, "identity");
}

/// Returns authz_service's value for the call under a key.
fn decision(stream: envoy.Stream, key: contract.DecisionKey) ?[]const u8 {
    return envoy.metadataText(stream, contract.decision_namespace, @tagName(key));
}

fn isTrue(stream: envoy.Stream, key: contract.DecisionKey) bool {
    return envoy.metadataIsTrue(stream, contract.decision_namespace, @tagName(key));
}

/// Returns whether the answer is to an attempt with a key of the caller's organization.
fn answersOwnKey(stream: envoy.Stream) bool {
    const ids = decision(stream, .own_keys) orelse return false;
    const attempts = ladders.countOf(envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts) orelse "");
    return own_keys.idOf(ids, attempts -| 1) != null;
}

/// Returns whether a retry may be served by a deployment that this call has not tried.
fn isElsewhere(stream: envoy.Stream) bool {
    if (decision(stream, .elsewhere) == null) return false;
    const ladder = decision(stream, .ladder) orelse return true;
    return ladders.Rung.at(ladder, ladders.countOf(envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts) orelse "")) != null;
}

/// Returns whether a body may be a form. JSON does not begin so, and the first filter has read every form.
fn isMaybeForm(body: []const u8) bool {
    return std.mem.startsWith(u8, body, "-");
}

/// Replaces the model of a form. Without a model, it changes nothing.
fn rewriteForm(stream: envoy.Stream, bodies: []const envoy.Body, pieces: *const Pieces, model: ?[]const u8, known: ?*const Reading) Error!?contract.Refusal {
    const content_type = envoy.header(stream, .request, contract.content_type) orelse "";
    if (!multipart.isForm(content_type)) return .malformed_body;
    const name = model orelse return null;
    const place = (if (known) |reading| reading.modelPlace() else readForm(content_type, pieces) catch return .malformed_body) orelse return .invalid_model;
    try replace(stream, bodies, pieces, &.{.{ .first = place.first, .last = place.last, .text = name }});
    return null;
}

fn readForm(content_type: []const u8, pieces: *const Pieces) error{Malformed}!?form_facts.Place {
    var form = Form.init(content_type) orelse return error.Malformed;
    for (pieces.slices()) |piece| form.push(piece.bytes()) catch return error.Malformed;
    form.finish() catch return error.Malformed;
    return form.modelPlace();
}

fn readBody(pieces: []const envoy.Slice, known: ?*Reading, wish: rewriting.Wish, room: *rewriting.Room) rewriting.Outcome {
    if (known) |reading| if (reading.ahead) |*ahead| return ahead.outcome(wish, room);
    var rewriter: rewriting.Rewriter = .init(allocator);
    defer rewriter.deinit();
    for (pieces) |piece| {
        if (!rewriter.push(piece.bytes())) break;
    }
    return rewriter.outcome(wish, room);
}

fn replace(stream: envoy.Stream, bodies: []const envoy.Body, pieces: *const Pieces, edits: []const rewriting.Edit) Error!void {
    var content: std.ArrayList(u8) = .empty;
    defer content.deinit(allocator);
    try rewriting.applyTo(allocator, pieces, edits, &content);
    for (bodies[0 .. bodies.len - 1]) |body| envoy.replaceBody(stream, body, "");
    envoy.replaceBody(stream, bodies[bodies.len - 1], content.items);
    setContentLength(stream, .request, content.items.len);
}

/// Notes where the body now names the model, for attempts at deployments that have another name for it.
fn notePlace(stream: envoy.Stream, edits: []const rewriting.Edit, model_text: []const u8, body_length: usize) void {
    if (decision(stream, .ladder) == null) return;
    const place = rewriting.placeOf(edits, model_text, body_length) orelse return;
    var room: [ladders.Place.text_max]u8 = undefined;
    envoy.setMetadataText(stream, contract.rewriter_namespace, contract.model_place, place.write(&room));
}

fn setContentLength(stream: envoy.Stream, headers: envoy.Headers, length: usize) void {
    var digits: [20]u8 = undefined;
    envoy.setHeader(stream, headers, contract.content_length, std.fmt.bufPrint(&digits, "{d}", .{length}) catch unreachable);
}

fn respond(stream: envoy.Stream, refusal: contract.Refusal) void {
    const path = envoy.header(stream, .request, ":path") orelse "";
    envoy.setMetadataTrue(stream, contract.rewriter_namespace, contract.answered);
    const headers = [_]envoy.Header{ .of(contract.content_type, contract.json_type), .of(contract.should_retry, "false") };
    const count: usize = if (refusal.status() < 500) 2 else 1;
    envoy.respond(stream, refusal.status(), headers[0..count], refusal.body(dialects.dialectOf(path)), "rewriter_response");
}
