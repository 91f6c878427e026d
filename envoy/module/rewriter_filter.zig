//! The filter behind authz_service and ratelimit_service: carries out what was decided, and reads the answer.
//!
//! Nothing passes it without a decision, and nothing passes of which it could not make what was decided.

const std = @import("std");
const envoy = @import("envoy.zig");
const json_text = @import("json_text.zig");
const refusals = @import("refusals.zig");
const rewriting = @import("rewriting.zig");
const Answer = @import("answers.zig").Answer;
const Pieces = @import("pieces.zig").Pieces;

const allocator = std.heap.c_allocator;
const decision_namespace = "envoy.filters.http.ext_authz";
const own_namespace = "megarouter.rewriter";
const provider_mark = "x-megarouter-provider-answer";

const Error = error{ Undecided, OutOfMemory };

pub const Call = struct {
    hides_usage: bool = false,
    answer: Answer = .ignored,

    pub fn create() ?*Call {
        const call = allocator.create(Call) catch return null;
        call.* = .{};
        return call;
    }

    pub fn destroy(self: *Call) void {
        self.answer.deinit();
        allocator.destroy(self);
    }

    /// The request is complete. Returns whether it may go on; otherwise it has been answered.
    pub fn rewrite(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) bool {
        const refusal = self.carryOut(stream, bodies) catch .gateway_error;
        if (refusal) |problem| respond(stream, problem);
        return refusal == null;
    }

    fn carryOut(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) Error!?refusals.Refusal {
        if (envoy.metadataText(stream, decision_namespace, "dialect") == null) return error.Undecided;
        const path = envoy.metadataText(stream, decision_namespace, "upstream_path") orelse return error.Undecided;
        const encoding = envoy.header(stream, .request, "content-encoding") orelse "identity";
        if (!std.ascii.eqlIgnoreCase(encoding, "identity")) return .unsupported_encoding;
        if (try self.rewriteBody(stream, bodies)) |problem| return problem;
        envoy.setHeader(stream, .request, ":path", path);
        return null;
    }

    fn rewriteBody(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) Error!?refusals.Refusal {
        const model = envoy.metadataText(stream, decision_namespace, "served_model");
        const include_usage = envoy.metadataIsTrue(stream, decision_namespace, "inject_include_usage");
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        try pieces.read(stream, bodies);
        if (pieces.length() == 0) return if (model != null or include_usage) .body_not_object else null;
        var model_text: json_text.Text = .empty;
        defer model_text.deinit(allocator);
        if (model) |name| try json_text.appendString(allocator, &model_text, name);
        const outcome = readBody(pieces.slices(), if (model == null) null else model_text.items, include_usage);
        switch (outcome) {
            .refused => |refusal| return refusal,
            .edits => |edits| {
                if (edits.count > 0) try replace(stream, bodies, &pieces, edits.slice());
                self.hides_usage = edits.is_usage_injected;
                return null;
            },
        }
    }

    /// The answer begins. Those of Envoy itself and of the services lack the mark of a provider's answer.
    pub fn beginAnswer(self: *Call, stream: envoy.Stream, is_empty: bool) void {
        if (envoy.header(stream, .response, provider_mark) == null) return;
        envoy.removeHeader(stream, .response, provider_mark);
        if (is_empty) return;
        const content_type = envoy.header(stream, .response, "content-type") orelse return;
        self.answer = .of(content_type, self.hides_usage);
        if (self.hides_usage and self.answer == .stream) envoy.removeHeader(stream, .response, "content-length");
    }
};

fn readBody(pieces: []const envoy.Slice, model_text: ?[]const u8, include_usage: bool) rewriting.Outcome {
    var rewriter: rewriting.Rewriter = .init(allocator);
    defer rewriter.deinit();
    for (pieces) |piece| {
        if (!rewriter.push(piece.bytes())) break;
    }
    return rewriter.outcome(model_text, include_usage);
}

fn replace(stream: envoy.Stream, bodies: []const envoy.Body, pieces: *const Pieces, edits: []const rewriting.Edit) Error!void {
    var content: std.ArrayList(u8) = .empty;
    defer content.deinit(allocator);
    const parts = try allocator.alloc([]const u8, pieces.slices().len);
    defer allocator.free(parts);
    for (pieces.slices(), parts) |piece, *part| part.* = piece.bytes();
    try rewriting.apply(allocator, parts, edits, &content);
    for (bodies[0 .. bodies.len - 1]) |body| envoy.replaceBody(stream, body, "");
    envoy.replaceBody(stream, bodies[bodies.len - 1], content.items);
    var digits: [20]u8 = undefined;
    const length = std.fmt.bufPrint(&digits, "{d}", .{content.items.len}) catch return error.OutOfMemory;
    envoy.setHeader(stream, .request, "content-length", length);
}

fn respond(stream: envoy.Stream, refusal: refusals.Refusal) void {
    const path = envoy.header(stream, .request, ":path") orelse "";
    var body: json_text.Text = .empty;
    defer body.deinit(allocator);
    refusals.appendError(allocator, &body, refusals.dialectOf(path), refusal) catch body.clearRetainingCapacity();
    envoy.setMetadataTrue(stream, own_namespace, "answered");
    const headers = [_]envoy.Header{ .of("content-type", "application/json"), .of("x-should-retry", "false") };
    const count: usize = if (refusal.status() < 500) 2 else 1;
    envoy.respond(stream, refusal.status(), headers[0..count], body.items, "rewriter_response");
}
