//! The filter before authz_service. It copies what a decision depends on into metadata. The body itself never leaves
//! Envoy.

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

/// Reads the complete body. Without a body it sets nothing.
pub fn read(stream: envoy.Stream, bodies: []const envoy.Body) void {
    var arena = std.heap.ArenaAllocator.init(std.heap.c_allocator);
    defer arena.deinit();
    const allocator = arena.allocator();
    var fields: std.ArrayList(u8) = .empty;
    readBody(allocator, stream, bodies, &fields) catch {
        fields.clearRetainingCapacity();
        // If even this runs out of memory, the call has no model in its metadata and is refused.
        fact_fields.appendUnreadable(allocator, &fields, "true") catch return;
    };
    if (fields.items.len > 0) envoy.setMetadata(stream, contract.request_namespace, fields.items);
}

fn readBody(allocator: std.mem.Allocator, stream: envoy.Stream, bodies: []const envoy.Body, fields: *std.ArrayList(u8)) !void {
    var pieces: Pieces = .{ .allocator = allocator };
    try pieces.read(stream, bodies);
    if (pieces.length() == 0) return;
    const content_type = envoy.header(stream, .request, contract.content_type) orelse "";
    if (!request_facts.isJson(content_type)) return readForm(allocator, content_type, pieces.slices(), fields);
    try fields.ensureTotalCapacity(allocator, fields_bytes_usual);
    var facts: request_facts.Facts = .init(allocator);
    for (pieces.slices()) |piece| try facts.push(piece.bytes());
    try facts.finish(fields);
}

fn readForm(allocator: std.mem.Allocator, content_type: []const u8, pieces: []const envoy.Slice, fields: *std.ArrayList(u8)) !void {
    if (!multipart.isForm(content_type)) return error.Unreadable;
    var form = Form.init(content_type) orelse return fact_fields.appendUnreadable(allocator, fields, @tagName(contract.FormFault.bad_boundary));
    for (pieces) |piece| form.push(piece.bytes()) catch break;
    if (form.reader.fault == null) form.finish() catch {};
    if (form.reader.fault) |fault| return fact_fields.appendUnreadable(allocator, fields, @tagName(fault));
    try form.appendTo(allocator, fields);
}
