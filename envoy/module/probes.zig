//! Exposes the parts that are independent of Envoy as plain C functions. The tests load the module as Envoy does and
//! call them.
//!
//! A text is passed in the pieces that `cuts` defines, so that a test can cut it anywhere. The output is written to
//! `out`. The result is its length, or a negative number for a failure.

const std = @import("std");
const contract = @import("contract.zig");
const costs = @import("costs.zig");
const dialects = @import("dialects.zig");
const events = @import("events.zig");
const fact_fields = @import("fact_fields.zig");
const json = @import("json_reader.zig");
const quotes = @import("quotes.zig");
const multipart = @import("multipart_reader.zig");
const request_facts = @import("request_facts.zig");
const rewriting = @import("rewriting.zig");
const scores = @import("scores.zig");
const usage = @import("usage.zig");
const Conversation = @import("conversation.zig").Conversation;
const Feedback = @import("feedback.zig").Feedback;
const Form = @import("form_facts.zig").Form;

const allocator = std.heap.c_allocator;
const fault = -1;

/// A text in pieces.
const Input = extern struct {
    pointer: [*]const u8,
    length: usize,
    cuts: [*]const usize,
    cut_count: usize,

    fn piece(self: Input, index: usize) ?[]const u8 {
        if (index > self.cut_count) return null;
        const first = if (index == 0) 0 else self.cuts[index - 1];
        const last = if (index == self.cut_count) self.length else self.cuts[index];
        // A copy of exact size lets a memory checker notice a read beyond its end.
        return allocator.dupe(u8, self.pointer[0..self.length][first..last]) catch null;
    }
};

const Output = extern struct {
    pointer: [*]u8,
    length: usize,

    fn write(self: Output, text: []const u8) isize {
        @memcpy(self.pointer[0..self.length][0..text.len], text);
        return @intCast(text.len);
    }
};

/// A visitor that asks for nothing.
const NoVisitor = struct {
    pub const is_strict = true;
    pub const key_depth = 0;
    pub const text_bytes_max = 0;
    pub fn top(_: *NoVisitor, _: json.Kind) json.Failure!void {}
    pub fn begins(_: *NoVisitor, _: json.Member) json.Failure!json.Keep {
        return .nothing;
    }
    pub fn ends(_: *NoVisitor, _: json.Value) json.Failure!void {}
};

fn pushAll(reader: anytype, input: Input) !void {
    var index: usize = 0;
    while (input.piece(index)) |piece| : (index += 1) {
        defer allocator.free(piece);
        try reader.push(piece);
    }
}

/// Returns 0 for one JSON value, else a negative number.
export fn megarouter_read_json(input: *const Input) callconv(.c) isize {
    var reader: json.Reader(NoVisitor) = .init(allocator, .{});
    defer reader.deinit();
    pushAll(&reader, input.*) catch return fault;
    reader.finish() catch return fault;
    return 0;
}

/// Writes the serialized `Struct` of a request's facts.
export fn megarouter_request_facts(input: *const Input, out: *const Output) callconv(.c) isize {
    var arena = std.heap.ArenaAllocator.init(allocator);
    defer arena.deinit();
    var facts: request_facts.Facts = .init(arena.allocator());
    var fields: std.ArrayList(u8) = .empty;
    pushAll(&facts, input.*) catch return fault;
    facts.finish(&fields) catch return fault;
    return out.write(fields.items);
}

/// Writes the serialized `Struct` of the facts of a rating.
export fn megarouter_feedback_facts(input: *const Input, out: *const Output) callconv(.c) isize {
    var arena = std.heap.ArenaAllocator.init(allocator);
    defer arena.deinit();
    var rating: Feedback = .init(arena.allocator());
    var fields: std.ArrayList(u8) = .empty;
    pushAll(&rating, input.*) catch return fault;
    rating.finish(&fields) catch return fault;
    return out.write(fields.items);
}

/// Writes the serialized `Struct` of what a conversation says.
export fn megarouter_conversation(input: *const Input, out: *const Output) callconv(.c) isize {
    var arena = std.heap.ArenaAllocator.init(allocator);
    defer arena.deinit();
    var conversation: Conversation = .init(arena.allocator());
    var fields: std.ArrayList(u8) = .empty;
    pushAll(&conversation, input.*) catch return fault;
    conversation.finish(&fields) catch return fault;
    return out.write(fields.items);
}

/// Writes the serialized `Struct` of a form's facts, which names the fault of one that cannot be read.
export fn megarouter_form_facts(input: *const Input, content_type: *const Optional, out: *const Output) callconv(.c) isize {
    var fields: std.ArrayList(u8) = .empty;
    defer fields.deinit(allocator);
    writeForm(input.*, content_type.text() orelse "", &fields) catch return fault;
    return out.write(fields.items);
}

fn writeForm(input: Input, content_type: []const u8, fields: *std.ArrayList(u8)) !void {
    if (!multipart.isForm(content_type)) return error.NoForm;
    var form = Form.init(content_type) orelse return fact_fields.appendUnreadable(allocator, fields, "bad_boundary");
    pushAll(&form, input) catch {};
    if (form.reader.fault == null) form.finish() catch {};
    if (form.reader.fault) |why| return fact_fields.appendUnreadable(allocator, fields, @tagName(why));
    try form.appendTo(allocator, fields);
}

/// Writes the form with another model. A form that cannot be read, or that has no model, is a fault.
export fn megarouter_rewrite_form(input: *const Input, content_type: *const Optional, model: *const Optional, out: *const Output) callconv(.c) isize {
    var form = Form.init(content_type.text() orelse "") orelse return fault;
    pushAll(&form, input.*) catch return fault;
    form.finish() catch return fault;
    const place = form.modelPlace() orelse return fault;
    var body: std.ArrayList(u8) = .empty;
    defer body.deinit(allocator);
    const edit: rewriting.Edit = .{ .first = place.first, .last = place.last, .text = model.text() orelse return fault };
    rewriting.apply(allocator, &.{input.pointer[0..input.length]}, &.{edit}, &body) catch return fault;
    return out.write(body.items);
}

/// A text that may be absent.
const Optional = extern struct {
    pointer: ?[*]const u8,
    length: usize,

    fn text(self: Optional) ?[]const u8 {
        return if (self.pointer) |pointer| pointer[0..self.length] else null;
    }
};

/// What to change in a body.
const Wished = extern struct {
    model_text: Optional,
    output_limit: Optional,
    include_usage: bool,
};

/// Writes one byte, 1 if usage was requested, followed by the rewritten body. A refusal returns its number, negated.
export fn megarouter_rewrite(input: *const Input, wished: *const Wished, out: *const Output) callconv(.c) isize {
    var wish: rewriting.Wish = .{ .model_text = wished.model_text.text(), .include_usage = wished.include_usage };
    if (wished.output_limit.text()) |text| wish.output_limit = rewriting.OutputLimit.of(text) orelse return fault;
    var room: rewriting.Room = undefined;
    switch (outcomeOf(input.*, wish, &room)) {
        .refused => |refusal| return fault - @as(isize, @backingInt(refusal)),
        .edits => |edits| {
            var body: std.ArrayList(u8) = .empty;
            defer body.deinit(allocator);
            body.append(allocator, @intFromBool(edits.is_usage_injected)) catch return fault;
            rewriting.apply(allocator, &.{input.pointer[0..input.length]}, edits.slice(), &body) catch return fault;
            return out.write(body.items);
        },
    }
}

fn outcomeOf(input: Input, wish: rewriting.Wish, room: *rewriting.Room) rewriting.Outcome {
    var rewriter: rewriting.Rewriter = .init(allocator);
    defer rewriter.deinit();
    var index: usize = 0;
    while (input.piece(index)) |piece| : (index += 1) {
        defer allocator.free(piece);
        if (!rewriter.push(piece)) break;
    }
    return rewriter.outcome(wish, room);
}

/// Writes the error body of the refusal with this number.
export fn megarouter_error(path: *const Input, number: u8, out: *const Output) callconv(.c) isize {
    const values = std.enums.values(contract.Refusal);
    if (number >= values.len) return fault;
    return out.write(values[number].body(dialects.dialectOf(path.pointer[0..path.length])));
}

/// Writes the facts of a response that is one document.
export fn megarouter_document_usage(input: *const Input, out: *const Output) callconv(.c) isize {
    var reader: json.Reader(usage.Document) = .init(allocator, .{ .allocator = allocator });
    defer reader.deinit();
    defer reader.visitor.deinit();
    pushAll(&reader, input.*) catch {};
    var facts: usage.Facts = .{ .allocator = allocator };
    defer facts.deinit();
    _ = reader.visitor.addTo(&facts) catch return fault;
    return writtenFacts(&facts, out);
}

/// Writes what a response that is one document costs in credits; nothing if that is not certain.
export fn megarouter_cost(input: *const Input, quoted: *const Optional, out: *const Output) callconv(.c) isize {
    var reader: json.Reader(usage.Document) = .init(allocator, .{ .allocator = allocator });
    defer reader.deinit();
    defer reader.visitor.deinit();
    pushAll(&reader, input.*) catch {};
    if (!reader.isDone()) return 0;
    var facts: usage.Facts = .{ .allocator = allocator };
    defer facts.deinit();
    var text: std.ArrayList(u8) = .empty;
    defer text.deinit(allocator);
    _ = reader.visitor.addTo(&facts) catch return fault;
    facts.write(&text) catch return fault;
    const quote = quotes.Quote.read(quoted.text() orelse "") orelse return fault;
    var room: quotes.Room = undefined;
    return out.write(quotes.formatCredits(costs.costOf(&quote, &facts) orelse return 0, &room));
}

fn writtenFacts(facts: *usage.Facts, out: *const Output) isize {
    var text: std.ArrayList(u8) = .empty;
    defer text.deinit(allocator);
    facts.write(&text) catch return fault;
    return out.write(text.items);
}

/// Writes the facts of a stream.
export fn megarouter_stream_usage(input: *const Input, out: *const Output) callconv(.c) isize {
    var stream: events.Stream = .init(allocator, false);
    defer stream.deinit();
    var shown: std.ArrayList(u8) = .empty;
    defer shown.deinit(allocator);
    const is_changed = passThrough(&stream, input.*, &shown) catch return fault;
    if (is_changed) return fault; // it must hide nothing
    stream.finish() catch return fault;
    return writtenFacts(&stream.facts, out);
}

/// Writes how an answer ended: one document, or a stream.
export fn megarouter_ending(input: *const Input, is_stream: bool, out: *const Output) callconv(.c) isize {
    if (is_stream) {
        var stream: events.Stream = .init(allocator, false);
        defer stream.deinit();
        var shown: std.ArrayList(u8) = .empty;
        defer shown.deinit(allocator);
        _ = passThrough(&stream, input.*, &shown) catch return fault;
        stream.finish() catch return fault;
        return out.write(@tagName(stream.facts.ending));
    }
    var reader: json.Reader(usage.Document) = .init(allocator, .{ .allocator = allocator });
    defer reader.deinit();
    defer reader.visitor.deinit();
    pushAll(&reader, input.*) catch return fault;
    var facts: usage.Facts = .{ .allocator = allocator };
    defer facts.deinit();
    _ = reader.visitor.addTo(&facts) catch return fault;
    return out.write(@tagName(facts.ending));
}

/// Writes what a caller who did not ask for usage sees of a stream.
export fn megarouter_shown(input: *const Input, out: *const Output) callconv(.c) isize {
    var stream: events.Stream = .init(allocator, true);
    defer stream.deinit();
    var shown: std.ArrayList(u8) = .empty;
    defer shown.deinit(allocator);
    _ = passThrough(&stream, input.*, &shown) catch return fault;
    return out.write(shown.items);
}

/// Collects what is shown of a stream. Returns whether that differs from what arrived.
fn passThrough(stream: *events.Stream, input: Input, shown: *std.ArrayList(u8)) error{ OutOfMemory, ShownTwice }!bool {
    var is_any_changed = false;
    var index: usize = 0;
    while (input.piece(index)) |piece| : (index += 1) {
        defer allocator.free(piece);
        const before = shown.items.len;
        const is_changed = try stream.push(piece, shown);
        if (!is_changed and shown.items.len > before) return error.ShownTwice;
        if (!is_changed) try shown.appendSlice(allocator, piece);
        is_any_changed = is_any_changed or is_changed;
    }
    return is_any_changed;
}

/// Writes the scores of a text as doubles.
export fn megarouter_scores(input: *const Input, out: *const Output) callconv(.c) isize {
    return out.write(std.mem.asBytes(&scores.of(input.pointer[0..input.length])));
}
