//! The upstream filter of calls that may be tried at several deployments. Envoy runs it once for each attempt, each time with the
//! body as the rewriter left it, but with the headers as the attempt before left them. It gives the attempt its path, its name of
//! the model and its credential, and takes away the credential of the one before.
//!
//! It notes each attempt and the status of its answer, so that settlement knows what was tried. Of 429 it waits for the body, which
//! says whether the rate is limited or the account is refused: Envoy tries the next deployment as soon as it has the headers.

const std = @import("std");
const aws_signing = @import("aws_signing.zig");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const json_text = @import("json_text.zig");
const ladders = @import("ladders.zig");
const own_keys = @import("own_keys.zig");
const rewriting = @import("rewriting.zig");
const provider_headers = @import("provider_headers.zig");
const Configuration = @import("configuration.zig").Configuration;
const Failure = @import("failures.zig").Failure;
const Pieces = @import("pieces.zig").Pieces;
const Target = @import("targets.zig").Target;
const monotonicMs = @import("worker.zig").monotonicMs;

const allocator = std.heap.c_allocator;

pub const Attempt = struct {
    configuration: *Configuration,
    /// Where the body names the model, and the name as JSON, if this attempt needs another one.
    edit: ?rewriting.Edit = null,
    /// What the body has to be signed with; null unless the attempt carries an own key of AWS.
    signing: ?Signing = null,
    is_noted: bool = false,
    /// The answer, while its body decides what is noted.
    failure: ?Failure = null,

    pub fn create(configuration: *Configuration) ?*Attempt {
        const attempt = allocator.create(Attempt) catch return null;
        attempt.* = .{ .configuration = configuration };
        return attempt;
    }

    pub fn destroy(self: *Attempt) void {
        if (self.edit) |edit| allocator.free(edit.text);
        if (self.signing) |signing| allocator.free(signing.key);
        if (self.failure) |*failure| failure.deinit();
        allocator.destroy(self);
    }

    /// Handles the headers of the request. An attempt that cannot be prepared goes on without a credential, and is refused.
    pub fn begin(self: *Attempt, stream: envoy.Stream, is_end: bool) envoy.HeadersStatus {
        self.prepare(stream) catch self.removeCredentials(stream);
        if (self.signing == null) return .proceed;
        if (!is_end) return .stop; // until the body is whole, which the signature covers
        self.sign(stream, .init(.{}));
        return .proceed;
    }

    fn removeCredentials(self: *const Attempt, stream: envoy.Stream) void {
        for (self.configuration.targets) |target| {
            if (target.secret != null or target.is_signed) envoy.removeHeader(stream, .request, target.header);
            if (target.is_signed) removeSignature(stream);
        }
    }

    fn prepare(self: *Attempt, stream: envoy.Stream) error{ OutOfMemory, Unknown, Unreadable }!void {
        const notes = envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts) orelse "";
        const number = ladders.countOf(notes);
        const ladder = envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.ladder)) orelse return self.sendOwnKey(stream);
        const known = ladders.Rung.at(ladder, number) orelse return error.Unknown;
        const target = self.configuration.targetOf(known.target) orelse return error.Unknown;
        const path = try allocator.dupe(u8, known.path);
        defer allocator.free(path);
        if (number > 0) try self.rename(stream, known.model);
        // What Envoy's metadata lent is no longer valid once something is set.
        var room: std.ArrayList(u8) = .empty;
        defer room.deinit(allocator);
        try room.appendSlice(allocator, envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts) orelse "");
        try ladders.appendAttempt(allocator, &room);
        envoy.setMetadataText(stream, contract.rewriter_namespace, contract.attempts, room.items);
        self.is_noted = true;
        envoy.setHeader(stream, .request, ":path", path);
        self.removeCredentials(stream);
        if (target.isMock()) return;
        if (self.configuration.control_prefix.len > 0) try provider_headers.removePrefix(stream, self.configuration.control_prefix, allocator);
        const own = try own_keys.ofAttempt(stream, self.configuration.own_key_folder, number);
        if (target.is_signed) {
            if (own) |key| return self.willSign(target, key);
            return envoy.setHeader(stream, .request, contract.signed_for, target.name);
        }
        const secret = target.secret orelse return;
        return send(stream, target, own orelse secret.current(monotonicMs()));
    }

    /// Prepares the only attempt of a call, which carries a key of the caller's organization.
    fn sendOwnKey(self: *Attempt, stream: envoy.Stream) error{ OutOfMemory, Unknown, Unreadable }!void {
        if (self.configuration.targets.len != 1) return error.Unknown;
        const target = &self.configuration.targets[0];
        if (target.isMock()) return;
        if (self.configuration.control_prefix.len > 0) try provider_headers.removePrefix(stream, self.configuration.control_prefix, allocator);
        const own = try own_keys.ofAttempt(stream, self.configuration.own_key_folder, 0) orelse return error.Unknown;
        return if (target.is_signed) self.willSign(target, own) else send(stream, target, own);
    }

    fn willSign(self: *Attempt, target: *const Target, key: []const u8) error{ OutOfMemory, Unreadable, Unknown }!void {
        if (aws_signing.AccessKey.of(key) == null) return error.Unreadable;
        const scope = target.scope orelse return error.Unknown;
        self.signing = .{ .key = try allocator.dupe(u8, key), .scope = scope };
    }

    /// Signs the request, with what was hashed as its body. Without a signature it goes on, and is refused.
    fn sign(self: *Attempt, stream: envoy.Stream, hashed: aws_signing.Hash) void {
        const signing = self.signing orelse return;
        const key = aws_signing.AccessKey.of(signing.key) orelse return;
        var hash = hashed;
        const body = aws_signing.hexOf(hash.finalResult());
        const time = aws_signing.timeOf(epochS());
        envoy.setHeader(stream, .request, "x-amz-content-sha256", &body);
        envoy.setHeader(stream, .request, "x-amz-date", &time);
        if (key.token) |token| envoy.setHeader(stream, .request, "x-amz-security-token", token);
        const value = aws_signing.authorization(allocator, .{
            .method = envoy.header(stream, .request, ":method") orelse "",
            .target = envoy.header(stream, .request, ":path") orelse "",
            .content_type = envoy.header(stream, .request, contract.content_type),
            .body = body,
            .time = time,
        }, key, signing.scope) catch return;
        defer allocator.free(value);
        envoy.setHeader(stream, .request, "authorization", value);
    }

    fn send(stream: envoy.Stream, target: *const Target, secret: []const u8) error{OutOfMemory}!void {
        const value = try std.mem.concat(allocator, u8, &.{ if (target.is_bearer) "Bearer " else "", secret });
        defer allocator.free(value);
        envoy.setHeader(stream, .request, target.header, value);
    }

    fn removeSignature(stream: envoy.Stream) void {
        envoy.removeHeader(stream, .request, contract.signed_for);
        for (contract.signature_headers) |name| envoy.removeHeader(stream, .request, name);
    }

    fn rename(self: *Attempt, stream: envoy.Stream, model: []const u8) error{OutOfMemory}!void {
        const place = ladders.Place.read(envoy.metadataText(stream, contract.rewriter_namespace, contract.model_place) orelse return) orelse return;
        var text: json_text.Text = .empty;
        errdefer text.deinit(allocator);
        try json_text.appendString(allocator, &text, model);
        self.edit = .{ .first = place.first, .last = place.last, .text = try text.toOwnedSlice(allocator) };
        var digits: [20]u8 = undefined;
        const changed = std.fmt.bufPrint(&digits, "{d}", .{place.body_length - (place.last - place.first) + self.edit.?.text.len}) catch unreachable;
        envoy.setHeader(stream, .request, contract.content_length, changed);
    }

    /// Handles the next bytes of the request.
    pub fn readBody(self: *Attempt, stream: envoy.Stream, is_end: bool) envoy.BodyStatus {
        if (self.edit == null and self.signing == null) return .proceed;
        if (!is_end) return .stop_and_buffer;
        const bodies = envoy.requestBodies(stream);
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        pieces.read(stream, bodies) catch return .stop;
        const edit = self.edit orelse {
            var hash: aws_signing.Hash = .init(.{});
            for (pieces.slices()) |piece| hash.update(piece.bytes());
            self.sign(stream, hash);
            return .proceed;
        };
        var content: std.ArrayList(u8) = .empty;
        defer content.deinit(allocator);
        rewriting.applyTo(allocator, &pieces, &.{edit}, &content) catch return .stop;
        for (bodies[0 .. bodies.len - 1]) |body| envoy.replaceBody(stream, body, "");
        envoy.replaceBody(stream, bodies[bodies.len - 1], content.items);
        if (self.signing == null) return .proceed;
        var hash: aws_signing.Hash = .init(.{});
        hash.update(content.items);
        self.sign(stream, hash);
        return .proceed;
    }

    /// Handles the beginning of the response.
    pub fn learn(self: *Attempt, stream: envoy.Stream, is_end: bool) envoy.HeadersStatus {
        if (!self.is_noted) return .proceed;
        const status = envoy.statusOf(stream);
        if (status == too_many and !is_end) {
            self.failure = .{ .status = status };
            return .stop;
        }
        note(stream, status, null);
        return .proceed;
    }

    /// Handles the next bytes of the response.
    pub fn readResponse(self: *Attempt, stream: envoy.Stream, is_end: bool) envoy.BodyStatus {
        if (self.failure) |*failure| failure.peek(stream) else return .proceed;
        if (!is_end) return .stop_and_buffer;
        self.noteFailure(stream);
        return .proceed;
    }

    /// Handles the trailers of the response.
    pub fn endResponse(self: *Attempt, stream: envoy.Stream) envoy.HeadersStatus {
        self.noteFailure(stream);
        return .proceed;
    }

    fn noteFailure(self: *Attempt, stream: envoy.Stream) void {
        if (self.failure) |*failure| {
            note(stream, failure.status, failure.accountRefusal());
            failure.deinit();
        }
        self.failure = null;
    }

    fn note(stream: envoy.Stream, status: u32, refusal: ?contract.RefusedAnswer) void {
        const notes = envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts) orelse return;
        const wait = envoy.header(stream, .response, contract.retry_after) orelse "";
        var room: std.ArrayList(u8) = .empty;
        defer room.deinit(allocator);
        ladders.appendAnswered(allocator, &room, notes, status, refusal, wait) catch return;
        envoy.setMetadataText(stream, contract.rewriter_namespace, contract.attempts, room.items);
    }
};

const Signing = struct { key: []const u8, scope: aws_signing.Scope };

fn epochS() u64 {
    var now: std.c.timespec = undefined;
    return if (std.c.clock_gettime(.REALTIME, &now) == 0) @intCast(now.sec) else 0;
}

const too_many = 429;
