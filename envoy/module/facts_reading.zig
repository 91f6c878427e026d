//! Reads the facts of a request from its body, piece by piece as it arrives, and puts them into metadata.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const fact_fields = @import("fact_fields.zig");
const multipart = @import("multipart_reader.zig");
const request_facts = @import("request_facts.zig");
const Form = @import("form_facts.zig").Form;
const Pieces = @import("pieces.zig").Pieces;

/// Room for the fields of most calls.
const fields_bytes_usual = 256;

/// What kind of body it is. The first bytes decide, because a call without any has none.
const Kind = union(enum) {
    empty,
    json: request_facts.Facts,
    form: Form,
    bad_boundary,
    unreadable,
};

pub const Reading = struct {
    arena: std.heap.ArenaAllocator,
    kind: Kind = .empty,

    /// Returns null without memory.
    pub fn create() ?*Reading {
        const reading = std.heap.c_allocator.create(Reading) catch return null;
        reading.* = .{ .arena = .init(std.heap.c_allocator) };
        return reading;
    }

    pub fn destroy(self: *Reading) void {
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
        if (self.kind == .empty) try self.begin(envoy.header(stream, .request, contract.content_type) orelse "");
        for (pieces.slices()) |piece| switch (self.kind) {
            .json => |*json| try json.push(piece.bytes()),
            .form => |*form| form.push(piece.bytes()) catch return,
            else => return,
        };
    }

    fn begin(self: *Reading, content_type: []const u8) !void {
        if (request_facts.isJson(content_type)) {
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
            .form => |*form| {
                if (form.reader.fault == null) form.finish() catch {};
                if (form.reader.fault) |fault| return fact_fields.appendUnreadable(allocator, fields, @tagName(fault));
                try form.appendTo(allocator, fields);
            },
        }
    }
};

/// If even this runs out of memory, the call has no model in its metadata and is refused.
pub fn reportUnreadable(stream: envoy.Stream) void {
    var fields: std.ArrayList(u8) = .empty;
    defer fields.deinit(std.heap.c_allocator);
    fact_fields.appendUnreadable(std.heap.c_allocator, &fields, "true") catch return;
    envoy.setMetadata(stream, contract.request_namespace, fields.items);
}
