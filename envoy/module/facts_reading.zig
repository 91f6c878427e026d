//! Reads the facts of a request from its body, piece by piece as it arrives, and puts them into metadata. Of a large body it
//! also keeps what the rewriter needs, because reading one again at once would keep a worker from its other calls.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const feedback = @import("feedback.zig");
const fact_fields = @import("fact_fields.zig");
const multipart = @import("multipart_reader.zig");
const request_facts = @import("request_facts.zig");
const rewriting = @import("rewriting.zig");
const form_facts = @import("form_facts.zig");
const Form = form_facts.Form;
const Pieces = @import("pieces.zig").Pieces;
const Worker = @import("worker.zig").Worker;
const Conversation = @import("conversation.zig").Conversation;
const conversation_bytes_max = @import("conversation.zig").body_bytes_max;

/// Room for the fields of most calls.
const fields_bytes_usual = 256;

/// The rewriter reads smaller bodies itself, in 2 ms at most.
const small_bytes_max = 262_144;
/// The number of a reading, by which the rewriter finds it.
const number_key = "reading";

/// What kind of body it is. The first bytes decide, because a call without any has none.
const Kind = union(enum) {
    empty,
    json: request_facts.Facts,
    rating: feedback.Feedback,
    form: Form,
    bad_boundary,
    unreadable,
};

pub const Reading = struct {
    arena: std.heap.ArenaAllocator,
    kind: Kind = .empty,
    /// How many bytes it has read.
    length: usize = 0,
    ahead: ?rewriting.Rewriter = null,
    is_refused_ahead: bool = false,
    number: ?u64 = null,

    /// Returns null without memory.
    pub fn create() ?*Reading {
        const reading = std.heap.c_allocator.create(Reading) catch return null;
        reading.* = .{ .arena = .init(std.heap.c_allocator) };
        return reading;
    }

    pub fn destroy(self: *Reading) void {
        if (self.number) |number| if (Worker.ofThread()) |worker| {
            _ = worker.readings.remove(number);
        };
        if (self.ahead) |*ahead| ahead.deinit();
        self.arena.deinit();
        std.heap.c_allocator.destroy(self);
    }

    /// Reads the bytes that have just arrived.
    pub fn push(self: *Reading, stream: envoy.Stream) void {
        self.read(stream) catch {
            self.kind = .unreadable;
        };
    }

    fn read(self: *Reading, stream: envoy.Stream) !void {
        if (self.kind == .unreadable) return;
        var pieces: Pieces = .{ .allocator = std.heap.c_allocator };
        defer pieces.deinit();
        try pieces.read(stream, &.{.received_request});
        if (pieces.length() == 0) return;
        if (self.kind == .empty) try self.begin(stream, envoy.header(stream, .request, contract.content_type) orelse "", isMaybeLarge(stream));
        self.length += pieces.length();
        for (pieces.slices()) |piece| switch (self.kind) {
            .json => |*json| {
                try json.push(piece.bytes());
                if (self.ahead) |*ahead| if (!self.is_refused_ahead) {
                    self.is_refused_ahead = !ahead.push(piece.bytes());
                };
            },
            .rating => |*rating| try rating.push(piece.bytes()),
            .form => |*form| form.push(piece.bytes()) catch return,
            else => return,
        };
    }

    fn begin(self: *Reading, stream: envoy.Stream, content_type: []const u8, is_large: bool) !void {
        if (request_facts.isJson(content_type)) {
            if (feedback.isFeedback(envoy.header(stream, .request, ":path") orelse "")) {
                self.kind = .{ .rating = .init(self.arena.allocator()) };
                return;
            }
            if (is_large) self.ahead = .init(std.heap.c_allocator);
            self.kind = .{ .json = .init(self.arena.allocator()) };
            return;
        }
        if (!multipart.isForm(content_type)) return error.Unreadable;
        // The header may move before the next bytes arrive.
        const form = Form.init(try self.arena.allocator().dupe(u8, content_type));
        self.kind = if (form) |whole| .{ .form = whole } else .bad_boundary;
    }

    /// Handles the end of the body.
    pub fn finish(self: *Reading, stream: envoy.Stream) void {
        var fields: std.ArrayList(u8) = .empty;
        self.append(&fields) catch return reportUnreadable(stream);
        if (fields.items.len > 0) envoy.setMetadata(stream, contract.request_namespace, fields.items);
        if (self.isMaybeVirtual(stream)) self.readConversation(stream) catch {}; // the baseline serves what says nothing of itself
        if (self.length > small_bytes_max) self.keep(stream) catch {}; // the rewriter then reads the body itself
    }

    /// Returns whether the model is not known to be one of the catalog.
    fn isMaybeVirtual(self: *const Reading, stream: envoy.Stream) bool {
        const worker = Worker.ofThread() orelse return false;
        return self.kind == .json and self.length <= conversation_bytes_max and !worker.plain_models.has(self.modelName(stream));
    }

    /// Returns the model that the body names, or the path, which names one if the body does not.
    fn modelName(self: *const Reading, stream: envoy.Stream) []const u8 {
        return self.kind.json.modelName() orelse envoy.header(stream, .request, ":path") orelse "";
    }

    fn readConversation(self: *Reading, stream: envoy.Stream) !void {
        var pieces: Pieces = .{ .allocator = std.heap.c_allocator };
        defer pieces.deinit();
        try pieces.read(stream, envoy.requestBodies(stream));
        if (pieces.length() != self.length) return;
        var conversation: Conversation = .init(self.arena.allocator());
        for (pieces.slices()) |piece| try conversation.push(piece.bytes());
        var fields: std.ArrayList(u8) = .empty;
        try conversation.finish(&fields);
        envoy.setMetadata(stream, contract.conversation_namespace, fields.items);
    }

    /// Learns from the decision about the call whether its model is virtual.
    pub fn learn(self: *const Reading, stream: envoy.Stream, is_virtual: bool) void {
        if (self.kind != .json) return;
        const worker = Worker.ofThread() orelse return;
        worker.plain_models.set(self.modelName(stream), !is_virtual);
    }

    fn keep(self: *Reading, stream: envoy.Stream) !void {
        const worker = Worker.ofThread() orelse return;
        const number = worker.nextReading();
        try worker.readings.put(std.heap.c_allocator, number, self);
        self.number = number;
        var digits: [20]u8 = undefined;
        envoy.setMetadataText(stream, contract.rewriter_namespace, number_key, try std.fmt.bufPrint(&digits, "{d}", .{number}));
    }

    /// Returns the reading of a large body of so many bytes; null if there is none.
    pub fn of(stream: envoy.Stream, length: usize) ?*Reading {
        if (length <= small_bytes_max) return null;
        const digits = envoy.metadataText(stream, contract.rewriter_namespace, number_key) orelse return null;
        const number = std.fmt.parseInt(u64, digits, 10) catch return null;
        const worker = Worker.ofThread() orelse return null;
        const reading = worker.readings.get(number) orelse return null;
        return if (reading.length == length) reading else null;
    }

    /// Returns where the model of a sound form is.
    pub fn modelPlace(self: *const Reading) ?form_facts.Place {
        return if (self.kind == .form) self.kind.form.modelPlace() else null;
    }

    fn append(self: *Reading, fields: *std.ArrayList(u8)) !void {
        const allocator = self.arena.allocator();
        switch (self.kind) {
            .empty => {},
            .unreadable => return error.Unreadable,
            .bad_boundary => try fact_fields.appendUnreadable(allocator, fields, @tagName(contract.FormFault.bad_boundary)),
            .json => |*json| {
                try fields.ensureTotalCapacity(allocator, fields_bytes_usual);
                try json.finish(fields);
            },
            .rating => |*rating| try rating.finish(fields),
            .form => |*form| {
                if (form.reader.fault == null) form.finish() catch {};
                if (form.reader.fault) |fault| return fact_fields.appendUnreadable(allocator, fields, @tagName(fault));
                try form.appendTo(allocator, fields);
            },
        }
    }
};

/// Without a length, a body may have any.
fn isMaybeLarge(stream: envoy.Stream) bool {
    const length = envoy.header(stream, .request, contract.content_length) orelse return true;
    return (std.fmt.parseInt(usize, length, 10) catch return true) > small_bytes_max;
}

/// If even this runs out of memory, the call has no model in its metadata and is refused.
pub fn reportUnreadable(stream: envoy.Stream) void {
    var fields: std.ArrayList(u8) = .empty;
    defer fields.deinit(std.heap.c_allocator);
    fact_fields.appendUnreadable(std.heap.c_allocator, &fields, "true") catch return;
    envoy.setMetadata(stream, contract.request_namespace, fields.items);
}
