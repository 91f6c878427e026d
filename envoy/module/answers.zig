//! What the rewriter does with a provider's response while its bytes pass. It neither delays nor collects them.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const events = @import("events.zig");
const json = @import("json_reader.zig");
const usage = @import("usage.zig");
const Pieces = @import("pieces.zig").Pieces;

/// Room for the facts of most responses.
const text_bytes_usual = 512;
const allocator = std.heap.c_allocator;

/// A response that is one JSON document. What precedes malformed JSON counts, because the provider sent it.
const Document = struct {
    reader: json.Reader(usage.Document),
    is_broken: bool = false,

    fn push(self: *Document, bytes: []const u8) void {
        if (self.is_broken) return;
        self.reader.push(bytes) catch {
            self.is_broken = true;
        };
    }

    fn deinit(self: *Document) void {
        self.reader.visitor.deinit();
        self.reader.deinit();
    }
};

pub const Answer = union(enum) {
    ignored,
    document: *Document,
    stream: *events.Stream,

    /// Chooses by the response's content type. If memory is short, the response passes unread, and its call is settled
    /// by an estimate.
    pub fn of(content_type: []const u8, hides_usage: bool) Answer {
        if (std.ascii.startsWithIgnoreCase(content_type, contract.json_type)) {
            const document = allocator.create(Document) catch return .ignored;
            document.* = .{ .reader = .init(allocator, .{ .allocator = allocator }) };
            return .{ .document = document };
        }
        if (std.ascii.startsWithIgnoreCase(content_type, "text/event-stream")) {
            const stream = allocator.create(events.Stream) catch return .ignored;
            stream.* = .init(allocator, hides_usage);
            return .{ .stream = stream };
        }
        return .ignored;
    }

    pub fn deinit(self: *Answer) void {
        switch (self.*) {
            .ignored => {},
            inline else => |part| {
                part.deinit();
                allocator.destroy(part);
            },
        }
        self.* = .ignored;
    }

    /// Reads the next bytes.
    pub fn push(self: *Answer, stream: envoy.Stream) void {
        if (self.* == .ignored) return;
        self.read(stream) catch self.deinit();
    }

    fn read(self: *Answer, stream: envoy.Stream) error{OutOfMemory}!void {
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        try pieces.read(stream, &.{.received_response});
        switch (self.*) {
            .ignored => {},
            .document => |document| for (pieces.slices()) |piece| document.push(piece.bytes()),
            .stream => |reader| try readEvents(reader, stream, pieces.slices()),
        }
    }

    /// Handles the end of the response.
    pub fn finish(self: *Answer, stream: envoy.Stream) void {
        self.report(stream) catch {};
        self.deinit();
    }

    /// Handles the end of the call, perhaps before that of its response. What a stream delivered until then counts.
    pub fn abandon(self: *Answer, stream: envoy.Stream) void {
        if (self.* == .stream) self.finish(stream);
    }

    fn report(self: *Answer, stream: envoy.Stream) error{OutOfMemory}!void {
        switch (self.*) {
            .ignored => {},
            .document => |document| {
                var facts: usage.Facts = .{ .allocator = allocator };
                defer facts.deinit();
                try document.reader.visitor.addTo(&facts);
                try writeFacts(stream, &facts);
            },
            .stream => |reader| {
                try reader.finish();
                try writeFacts(stream, &reader.facts);
            },
        }
    }
};

/// Writes one text for all facts. Writing a table into metadata and printing it into a log would cost ten times as
/// much.
fn writeFacts(stream: envoy.Stream, facts: *usage.Facts) error{OutOfMemory}!void {
    if (!facts.is_changed) return;
    var text: std.ArrayList(u8) = .empty;
    defer text.deinit(allocator);
    try text.ensureTotalCapacity(allocator, text_bytes_usual);
    try facts.write(&text);
    envoy.setMetadataText(stream, contract.rewriter_namespace, contract.usage, text.items);
}

fn readEvents(reader: *events.Stream, stream: envoy.Stream, pieces: []const envoy.Slice) error{OutOfMemory}!void {
    var shown: std.ArrayList(u8) = .empty;
    defer shown.deinit(allocator);
    var is_changed = false;
    for (pieces, 0..) |piece, index| {
        const before = shown.items.len;
        if (try reader.push(piece.bytes(), &shown)) {
            if (!is_changed) try showEarlier(&shown, before, pieces[0..index]);
            is_changed = true;
        } else if (is_changed) {
            try shown.appendSlice(allocator, piece.bytes());
        }
    }
    if (is_changed) envoy.replaceBody(stream, .received_response, shown.items);
    try writeFacts(stream, &reader.facts);
}

/// Inserts unchanged pieces before what follows them.
fn showEarlier(shown: *std.ArrayList(u8), at: usize, pieces: []const envoy.Slice) error{OutOfMemory}!void {
    var place = at;
    for (pieces) |piece| {
        try shown.insertSlice(allocator, place, piece.bytes());
        place += piece.length;
    }
}
