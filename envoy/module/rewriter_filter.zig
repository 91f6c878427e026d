//! The filter after authz_service and ratelimit_service. It carries out the decision and reads the response.
//!
//! It passes no call without a decision, and no call on which it could not carry out the decision.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const json_text = @import("json_text.zig");
const dialects = @import("dialects.zig");
const rewriting = @import("rewriting.zig");
const upstream_headers = @import("upstream_headers.zig");
const Answer = @import("answers.zig").Answer;
const Pieces = @import("pieces.zig").Pieces;

const allocator = std.heap.c_allocator;

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
        if (try self.rewriteBody(stream, bodies)) |problem| return problem;
        try upstream_headers.clean(stream, dialect, allocator);
        envoy.setHeader(stream, .request, ":path", path);
        return null;
    }

    fn rewriteBody(self: *Call, stream: envoy.Stream, bodies: []const envoy.Body) Error!?contract.Refusal {
        const model = decision(stream, .served_model);
        const include_usage = envoy.metadataIsTrue(stream, contract.decision_namespace, @tagName(contract.DecisionKey.inject_include_usage));
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

    /// Handles the beginning of the response. Only a provider's response has the mark; Envoy's own and the services' do
    /// not.
    pub fn beginAnswer(self: *Call, stream: envoy.Stream, is_empty: bool) void {
        if (envoy.header(stream, .response, contract.provider_mark) == null) return;
        envoy.removeHeader(stream, .response, contract.provider_mark);
        if (is_empty) return;
        const content_type = envoy.header(stream, .response, contract.content_type) orelse return;
        self.answer = .of(content_type, self.hides_usage);
        if (self.hides_usage and self.answer == .stream) envoy.removeHeader(stream, .response, contract.content_length);
    }
};

/// Returns authz_service's value for the call under a key.
fn decision(stream: envoy.Stream, key: contract.DecisionKey) ?[]const u8 {
    return envoy.metadataText(stream, contract.decision_namespace, @tagName(key));
}

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
    envoy.setHeader(stream, .request, contract.content_length, length);
}

fn respond(stream: envoy.Stream, refusal: contract.Refusal) void {
    const path = envoy.header(stream, .request, ":path") orelse "";
    envoy.setMetadataTrue(stream, contract.rewriter_namespace, contract.answered);
    const headers = [_]envoy.Header{ .of(contract.content_type, contract.json_type), .of(contract.should_retry, "false") };
    const count: usize = if (refusal.status() < 500) 2 else 1;
    envoy.respond(stream, refusal.status(), headers[0..count], refusal.body(dialects.dialectOf(path)), "rewriter_response");
}
