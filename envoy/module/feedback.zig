//! The body of a rating: which call it is about, what the caller thinks of the answer, and why. Of anything else in it only that
//! it is there is passed on, so that what people write about answers stays here.

const std = @import("std");
const contract = @import("contract.zig");
const fact_fields = @import("fact_fields.zig");
const json = @import("json_reader.zig");
const Found = fact_fields.Found;

const Place = enum {
    id,
    rating,
    reason,

    fn fact(self: Place) contract.RequestFact {
        return switch (self) {
            .id => .feedback_id,
            .rating => .feedback_rating,
            .reason => .feedback_reason,
        };
    }
};

const Visitor = struct {
    pub const is_strict = true;
    pub const key_depth = 1;
    /// Longer than any value that is accepted.
    pub const text_bytes_max = 128;

    arena: std.mem.Allocator,
    found: std.EnumArray(Place, Found) = .initFill(.nothing),
    place: ?Place = null,
    has_other: bool = false,

    pub fn top(_: *Visitor, kind: json.Kind) json.Failure!void {
        if (kind != .object) return error.Refused;
    }

    pub fn begins(self: *Visitor, member: json.Member) json.Failure!json.Keep {
        self.place = std.meta.stringToEnum(Place, member.key);
        const place = self.place orelse {
            self.has_other = true;
            return .nothing;
        };
        if (self.found.get(place) != .nothing) return error.Refused;
        // What is no text is no value of a rating.
        self.found.set(place, if (member.kind == .null) .nothing else .{ .boolean = false });
        return if (member.kind == .string) .characters else .nothing;
    }

    pub fn ends(self: *Visitor, value: json.Value) json.Failure!void {
        const place = self.place orelse return;
        self.place = null;
        if (value.text) |text| self.found.set(place, .{ .characters = try self.arena.dupe(u8, text) });
    }
};

pub const Feedback = struct {
    arena: std.mem.Allocator,
    reader: json.Reader(Visitor),

    pub fn init(arena: std.mem.Allocator) Feedback {
        return .{ .arena = arena, .reader = .init(arena, .{ .arena = arena }) };
    }

    pub fn push(self: *Feedback, bytes: []const u8) json.Failure!void {
        try self.reader.push(bytes);
    }

    /// Handles the end of the body, and appends what was found in it to `fields`.
    pub fn finish(self: *Feedback, fields: *std.ArrayList(u8)) json.Failure!void {
        try self.reader.finish();
        const visitor = &self.reader.visitor;
        for (std.enums.values(Place)) |place| try fact_fields.append(self.arena, fields, place.fact(), visitor.found.get(place));
        if (visitor.has_other) try fact_fields.append(self.arena, fields, .feedback_other, .{ .boolean = true });
    }
};

/// Returns whether a request is a rating, by its path.
pub fn isFeedback(path: []const u8) bool {
    const whole = path[0 .. std.mem.indexOfScalar(u8, path, '?') orelse path.len];
    const plain = if (std.mem.endsWith(u8, whole, "/")) whole[0 .. whole.len - 1] else whole;
    return std.mem.endsWith(u8, plain, contract.feedback_path);
}
