//! The facts of a form that authz_service decides by, and the place of its model.
//!
//! A form never has the fields of a chat. What counts is the model, a few plain values, and how many bytes are sound,
//! pictures and text.

const std = @import("std");
const fact_fields = @import("fact_fields.zig");
const multipart = @import("multipart_reader.zig");
const contract = @import("contract.zig");
const Fault = contract.FormFault;

/// The longest value that a decision depends on.
const value_bytes_max = 256;

/// The fields whose value counts. Each may occur once.
const Field = enum { model, n, stream, response_format, purpose };

const Kind = enum { audio, image, text };

/// A value that counts, and its place in the body.
const Value = struct {
    bytes: [value_bytes_max]u8 = undefined,
    length: usize = 0,
    first: usize = 0,
    last: usize = 0,

    fn text(self: *const Value) []const u8 {
        return self.bytes[0..self.length];
    }
};

/// The reader's visitor.
const Visitor = struct {
    values: std.EnumArray(Field, ?Value) = .initFill(null),
    counts: std.EnumArray(Kind, usize) = .initFill(0),
    bytes: std.EnumArray(Kind, usize) = .initFill(0),
    field: ?Field = null,
    kind: Kind = .text,

    pub fn begins(self: *Visitor, part: multipart.Part) ?Fault {
        self.field = null;
        self.kind = kindOf(part.name);
        if (self.kind != .text and !part.is_file) return .nameless_file;
        if (isReference(part.name)) return .referenced_file;
        self.counts.getPtr(self.kind).* += 1;
        const field = fieldOf(part.name) orelse return null;
        if (!std.mem.eql(u8, part.name, @tagName(field))) return .misspelled_field;
        if (part.is_file) return .ambiguous_part;
        if (self.values.get(field) != null) return .repeated_field;
        self.values.set(field, .{ .first = part.first });
        self.field = field;
        return null;
    }

    pub fn content(self: *Visitor, bytes: []const u8) ?Fault {
        self.bytes.getPtr(self.kind).* += bytes.len;
        const field = self.field orelse return null;
        const value = &self.values.getPtr(field).*.?;
        if (value.length + bytes.len > value_bytes_max) return .long_field;
        @memcpy(value.bytes[value.length..][0..bytes.len], bytes);
        value.length += bytes.len;
        return null;
    }

    pub fn ends(self: *Visitor, last: usize) ?Fault {
        const field = self.field orelse return null;
        const value = &self.values.getPtr(field).*.?;
        value.last = last;
        for (value.text()) |character| if (!std.ascii.isPrint(character)) return .unprintable_field;
        return null;
    }
};

/// Returns the part of a name before an index, as in `image[]`.
fn baseOf(name: []const u8) []const u8 {
    return name[0 .. std.mem.findScalar(u8, name, '[') orelse name.len];
}

fn fieldOf(name: []const u8) ?Field {
    for (std.enums.values(Field)) |field| if (std.ascii.eqlIgnoreCase(baseOf(name), @tagName(field))) return field;
    return null;
}

fn kindOf(name: []const u8) Kind {
    const base = baseOf(name);
    if (std.mem.eql(u8, base, "file")) return .audio;
    return if (std.mem.eql(u8, base, "image") or std.mem.eql(u8, base, "mask")) .image else .text;
}

/// Returns whether a part names pictures by URL or by id instead of sending them.
fn isReference(name: []const u8) bool {
    return std.mem.eql(u8, baseOf(name), "images") or std.mem.find(u8, name, "file_id") != null;
}

/// The place of the model in a body: the bytes from `first` up to, but not including, `last`.
pub const Place = struct { first: usize, last: usize };

pub const Form = struct {
    reader: multipart.Reader(Visitor),

    /// `content_type` names a form. Returns null without a boundary that every reader reads alike.
    pub fn init(content_type: []const u8) ?Form {
        const boundary = multipart.boundaryOf(content_type) orelse return null;
        return .{ .reader = .init(boundary, .{}) };
    }

    pub fn push(self: *Form, bytes: []const u8) multipart.Failure!void {
        try self.reader.push(bytes);
    }

    pub fn finish(self: *Form) multipart.Failure!void {
        try self.reader.finish();
    }

    pub fn modelPlace(self: *const Form) ?Place {
        const value = self.reader.visitor.values.get(.model) orelse return null;
        return .{ .first = value.first, .last = value.last };
    }

    /// Appends what was found in the complete form to `fields`.
    pub fn appendTo(self: *const Form, allocator: std.mem.Allocator, fields: *std.ArrayList(u8)) error{OutOfMemory}!void {
        const visitor = &self.reader.visitor;
        inline for (.{ Field.model, Field.response_format, Field.purpose }) |field| {
            if (visitor.values.get(field)) |*value| try append(allocator, fields, field, .{ .characters = value.text() });
        }
        if (visitor.values.get(.n)) |*value| try append(allocator, fields, .n, numberOf(value.text()));
        if (visitor.values.get(.stream)) |*value| try append(allocator, fields, .stream, booleanOf(value.text()));
        const counts = [_]struct { contract.RequestFact, usize }{
            .{ .audios, visitor.counts.get(.audio) },
            .{ .audio_bytes, visitor.bytes.get(.audio) },
            .{ .images, visitor.counts.get(.image) },
            .{ .image_bytes, visitor.bytes.get(.image) },
            .{ .text_bytes, visitor.bytes.get(.text) },
        };
        for (counts) |entry| {
            const fact, const count = entry;
            if (count > 0) try fact_fields.append(allocator, fields, fact, .{ .number = @floatFromInt(count) });
        }
    }
};

fn append(allocator: std.mem.Allocator, fields: *std.ArrayList(u8), comptime field: Field, found: fact_fields.Found) error{OutOfMemory}!void {
    try fact_fields.append(allocator, fields, @field(contract.RequestFact, @tagName(field)), found);
}

/// Returns a number for digits. Any other text stays one, and is no number for authz_service.
fn numberOf(text: []const u8) fact_fields.Found {
    const number = std.fmt.parseInt(u32, text, 10) catch return .{ .characters = text };
    for (text) |character| if (!std.ascii.isDigit(character)) return .{ .characters = text };
    return .{ .number = @floatFromInt(number) };
}

fn booleanOf(text: []const u8) fact_fields.Found {
    if (std.mem.eql(u8, text, "true")) return .{ .boolean = true };
    return if (std.mem.eql(u8, text, "false")) .{ .boolean = false } else .{ .characters = text };
}
