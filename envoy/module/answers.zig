//! What the rewriter reads of a provider's successful response while its bytes pass. It neither delays nor collects them.

const std = @import("std");
const contract = @import("contract.zig");
const costs = @import("costs.zig");
const envoy = @import("envoy.zig");
const events = @import("events.zig");
const json = @import("json_reader.zig");
const ladders = @import("ladders.zig");
const opening = @import("opening.zig");
const quotes = @import("quotes.zig");
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

/// What an answer has turned out to be. `unread` is one for which memory ran out. Settlement
/// estimates such a call.
const Reading = union(enum) {
    undecided: opening.Opening,
    document: *Document,
    stream: *events.Stream,
    foreign,
    unread,
};

pub const Answer = struct {
    hides_usage: bool,
    /// The bytes of the body so far.
    size: usize = 0,
    reading: Reading = .{ .undecided = .{} },

    pub fn deinit(self: *Answer) void {
        switch (self.reading) {
            .undecided, .foreign, .unread => {},
            inline else => |part| {
                part.deinit();
                allocator.destroy(part);
            },
        }
        self.reading = .unread;
    }

    /// Returns whether the answer is certainly not one of a model.
    pub fn isForeign(self: *const Answer) bool {
        return self.reading == .foreign;
    }

    /// Returns whether the answer is one JSON document.
    pub fn isDocument(self: *const Answer) bool {
        return self.reading == .document;
    }

    /// Handles the end of the response. One without content is foreign.
    pub fn end(self: *Answer) void {
        if (self.reading == .undecided) self.reading = .foreign;
    }

    /// Reads the next bytes.
    pub fn push(self: *Answer, stream: envoy.Stream) void {
        if (self.reading == .foreign or self.reading == .unread) return;
        self.read(stream) catch self.deinit();
    }

    fn read(self: *Answer, stream: envoy.Stream) error{OutOfMemory}!void {
        var pieces: Pieces = .{ .allocator = allocator };
        defer pieces.deinit();
        try pieces.read(stream, &.{.received_response});
        self.size += pieces.length();
        const slices = pieces.slices();
        var index: usize = 0;
        var first: usize = 0;
        while (self.reading == .undecided and index < slices.len) {
            if (self.reading.undecided.read(slices[index].bytes())) |decision| {
                first = decision.first;
                try self.decide(decision.kind);
            } else index += 1;
        }
        switch (self.reading) {
            .undecided, .foreign, .unread => {},
            .document => |document| for (slices[index..], 0..) |piece, number| {
                document.push(piece.bytes()[if (number == 0) first else 0..]);
            },
            .stream => |reader| try readEvents(reader, stream, slices, index, first),
        }
    }

    fn decide(self: *Answer, kind: opening.Kind) error{OutOfMemory}!void {
        switch (kind) {
            .foreign => self.reading = .foreign,
            .document => {
                const document = try allocator.create(Document);
                document.* = .{ .reader = .init(allocator, .{ .allocator = allocator }) };
                self.reading = .{ .document = document };
            },
            .stream => {
                const reader = try allocator.create(events.Stream);
                reader.* = .init(allocator, self.hides_usage);
                self.reading = .{ .stream = reader };
            },
        }
    }

    /// Handles the end of the call, perhaps before that of its response. What was delivered until then counts.
    pub fn finish(self: *Answer, stream: envoy.Stream) void {
        self.report(stream, false) catch {};
        self.deinit();
    }

    /// Handles the end of a complete response whose headers have not been passed on. It adds the cost to them, if that is
    /// certain.
    pub fn finishWithCost(self: *Answer, stream: envoy.Stream) void {
        self.report(stream, true) catch {};
        self.deinit();
    }

    fn report(self: *Answer, stream: envoy.Stream, tells_cost: bool) error{OutOfMemory}!void {
        var facts: usage.Facts = .{ .allocator = allocator };
        defer facts.deinit();
        switch (self.reading) {
            .unread, .undecided => {},
            .foreign => {
                try facts.setTrue(.foreign_body);
                try writeFacts(stream, &facts);
            },
            .document => |document| {
                facts.is_read = document.reader.isDone();
                _ = try document.reader.visitor.addTo(&facts);
                try writeFacts(stream, &facts);
                if (tells_cost and facts.is_read) tellCost(stream, &facts);
            },
            .stream => |reader| {
                try reader.finish();
                reader.facts.is_read = !reader.has_unread;
                try writeFacts(stream, &reader.facts);
            },
        }
    }
};

fn tellCost(stream: envoy.Stream, facts: *const usage.Facts) void {
    const text = envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.quote)) orelse return;
    const quote = quotes.Quote.read(text) orelse return;
    const cost_nano_credits = costs.costOf(&quote, facts) orelse return;
    var room: quotes.Room = undefined;
    envoy.setHeader(stream, .response, contract.cost, quotes.formatCredits(cost_nano_credits, &room));
}

/// Writes one text for all facts. Writing a table into metadata and printing it into a log would cost ten times as
/// much.
pub fn writeFacts(stream: envoy.Stream, facts: *usage.Facts) error{OutOfMemory}!void {
    var text: std.ArrayList(u8) = .empty;
    defer text.deinit(allocator);
    if (envoy.metadataText(stream, contract.rewriter_namespace, contract.attempts)) |notes| {
        if (ladders.countOf(notes) > 1) try facts.setText(.attempts, notes);
    }
    if (facts.ending != .regular and isRouted(stream)) try facts.setText(.ending, @tagName(facts.ending));
    try text.ensureTotalCapacity(allocator, text_bytes_usual);
    try facts.write(&text);
    if (text.items.len > 0) envoy.setMetadataText(stream, contract.rewriter_namespace, contract.usage, text.items);
}

fn isRouted(stream: envoy.Stream) bool {
    return envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.routed)) != null;
}

/// Reads the events in `pieces`, which begin at offset `from` of the piece `first`.
fn readEvents(reader: *events.Stream, stream: envoy.Stream, pieces: []const envoy.Slice, first: usize, from: usize) error{OutOfMemory}!void {
    var shown: std.ArrayList(u8) = .empty;
    defer shown.deinit(allocator);
    var is_changed = false;
    for (pieces[first..], first..) |piece, index| {
        const skipped = if (index == first) from else 0;
        const before = shown.items.len;
        if (try reader.push(piece.bytes()[skipped..], &shown)) {
            try shown.insertSlice(allocator, before, piece.bytes()[0..skipped]);
            if (!is_changed) try showEarlier(&shown, before, pieces[0..index]);
            is_changed = true;
        } else if (is_changed) {
            try shown.appendSlice(allocator, piece.bytes());
        }
    }
    if (is_changed) envoy.replaceBody(stream, .received_response, shown.items);
}

/// Inserts unchanged pieces before what follows them.
fn showEarlier(shown: *std.ArrayList(u8), at: usize, pieces: []const envoy.Slice) error{OutOfMemory}!void {
    var place = at;
    for (pieces) |piece| {
        try shown.insertSlice(allocator, place, piece.bytes());
        place += piece.length;
    }
}
