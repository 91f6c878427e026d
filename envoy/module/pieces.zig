//! A body as Envoy stores it: in pieces, usually one.

const std = @import("std");
const envoy = @import("envoy.zig");

const inline_count = 32;

/// The pieces of one or more bodies, in order.
pub const Pieces = struct {
    allocator: std.mem.Allocator,
    few: [inline_count]envoy.Slice = undefined,
    many: []envoy.Slice = &.{},
    count: usize = 0,

    pub fn read(self: *Pieces, stream: envoy.Stream, bodies: []const envoy.Body) error{OutOfMemory}!void {
        var total: usize = 0;
        for (bodies) |body| total += envoy.bodyPieces(stream, body);
        if (total > inline_count) self.many = try self.allocator.alloc(envoy.Slice, total);
        const places = if (total > inline_count) self.many else self.few[0..total];
        for (bodies) |body| {
            const count = envoy.bodyPieces(stream, body);
            if (count == 0 or !envoy.readBody(stream, body, places[self.count..][0..count])) continue;
            self.count += count;
        }
    }

    pub fn deinit(self: *Pieces) void {
        self.allocator.free(self.many);
    }

    pub fn slices(self: *const Pieces) []const envoy.Slice {
        return if (self.many.len > 0) self.many[0..self.count] else self.few[0..self.count];
    }

    pub fn length(self: *const Pieces) usize {
        var total: usize = 0;
        for (self.slices()) |piece| total += piece.length;
        return total;
    }
};
