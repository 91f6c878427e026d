//! What settlement needs from a provider's response: usage as exact text, and the names of model, tier, response and
//! errors. Of an error only its kind is taken, because a message may quote the caller.

const std = @import("std");
const contract = @import("contract.zig");
const json = @import("json_reader.zig");
const json_text = @import("json_text.zig");
const numbers = @import("numbers.zig");
const Text = json_text.Text;

/// The names of the facts in the text that is passed on, in the order in which they are written.
pub const Name = contract.UsageFact;

/// What a place may contain.
const Shape = enum { any, short };

const Place = struct { path: []const u8, name: Name, shape: Shape = .any };

/// Where providers put each fact. Of several places for one name, the last one that is present wins.
const places = [_]Place{
    .{ .path = "usage", .name = .usage },
    .{ .path = "message.usage", .name = .start_usage },
    .{ .path = "response.usage", .name = .response_usage },
    .{ .path = "usageMetadata", .name = .usage_metadata },
    .{ .path = "model", .name = .model },
    .{ .path = "response.model", .name = .model },
    .{ .path = "message.model", .name = .model },
    .{ .path = "modelVersion", .name = .model },
    .{ .path = "service_tier", .name = .service_tier },
    .{ .path = "response.service_tier", .name = .service_tier },
    .{ .path = "id", .name = .response_id },
    .{ .path = "response.id", .name = .response_id },
    .{ .path = "message.id", .name = .response_id },
    .{ .path = "responseId", .name = .response_id },
    .{ .path = "error", .name = .@"error", .shape = .short },
    .{ .path = "error.type", .name = .@"error.type", .shape = .short },
    .{ .path = "error.code", .name = .@"error.code", .shape = .short },
    .{ .path = "error.status", .name = .@"error.status", .shape = .short },
    .{ .path = "response.error", .name = .response_error, .shape = .short },
    .{ .path = "response.error.type", .name = .@"response_error.type", .shape = .short },
    .{ .path = "response.error.code", .name = .@"response_error.code", .shape = .short },
    .{ .path = "response.error.status", .name = .@"response_error.status", .shape = .short },
};

const short_bytes_max = 200;
const path_bytes_max = 32;

/// A text, and whether it is written without quotes.
const Fact = struct {
    text: Text = .empty,
    is_bare: bool = false,
    is_present: bool = false,

    /// Sets the text. Invalid UTF-8 counts as absent, because it would make the whole log line unreadable.
    fn set(self: *Fact, allocator: std.mem.Allocator, text: []const u8, is_bare: bool) error{OutOfMemory}!void {
        self.is_present = false;
        if (!std.unicode.utf8ValidateSlice(text)) return;
        self.text.clearRetainingCapacity();
        try self.text.appendSlice(allocator, text);
        self.is_bare = is_bare;
        self.is_present = true;
    }

    fn equals(self: *const Fact, text: []const u8, is_bare: bool) bool {
        return self.is_present and self.is_bare == is_bare and std.mem.eql(u8, self.text.items, text);
    }
};

/// The facts of a response so far.
pub const Facts = struct {
    allocator: std.mem.Allocator,
    facts: std.EnumArray(Name, Fact) = .initFill(.{}),
    /// Whether something was added or replaced since the facts were last written.
    is_changed: bool = false,

    pub fn deinit(self: *Facts) void {
        for (&self.facts.values) |*fact| fact.text.deinit(self.allocator);
    }

    fn set(self: *Facts, name: Name, text: []const u8, is_bare: bool) error{OutOfMemory}!void {
        const fact = self.facts.getPtr(name);
        if (fact.equals(text, is_bare)) return;
        self.is_changed = true;
        try fact.set(self.allocator, text, is_bare);
    }

    /// Appends the facts as one JSON object.
    pub fn write(self: *Facts, out: *Text) error{OutOfMemory}!void {
        self.is_changed = false;
        var separator: []const u8 = "{";
        for (std.enums.values(Name)) |name| {
            const fact = self.facts.getPtrConst(name);
            if (!fact.is_present) continue;
            try out.appendSlice(self.allocator, separator);
            try json_text.appendString(self.allocator, out, @tagName(name));
            try out.append(self.allocator, ':');
            if (fact.is_bare) {
                try out.appendSlice(self.allocator, fact.text.items);
            } else {
                try json_text.appendString(self.allocator, out, fact.text.items);
            }
            separator = ",";
        }
        if (separator[0] == ',') try out.append(self.allocator, '}');
    }
};

/// The reader's visitor for one document: a JSON response or an event of a stream.
pub const Document = struct {
    pub const is_strict = false;
    pub const key_depth = 3;
    pub const text_bytes_max = 65_536;

    allocator: std.mem.Allocator,
    found: [places.len]Fact = @splat(.{}),
    /// The keys that lead to the current member, separated by dots, and the length of the path at each depth.
    path: [path_bytes_max]u8 = undefined,
    path_lengths: [key_depth + 1]usize = @splat(0),
    place: [key_depth + 1]?usize = @splat(null),
    kind: json.Kind = .null,
    has_error: bool = false,
    has_response_error: bool = false,
    /// For the detection of a usage chunk: `choices` is an empty array and `usage` is an object.
    choices: enum { absent, empty, other } = .absent,
    usage_is_object: bool = false,

    pub fn deinit(self: *Document) void {
        for (&self.found) |*fact| fact.text.deinit(self.allocator);
    }

    /// Drops a document, but keeps the memory for the next one.
    pub fn reset(self: *Document) void {
        for (&self.found) |*fact| fact.is_present = false;
        self.has_error = false;
        self.has_response_error = false;
        self.choices = .absent;
        self.usage_is_object = false;
    }

    pub fn top(_: *Document, kind: json.Kind) json.Failure!void {
        if (kind != .object) return error.Refused;
    }

    pub fn element(self: *Document) json.Failure!void {
        if (self.choices == .empty and std.mem.eql(u8, self.path[0..self.path_lengths[1]], "choices")) self.choices = .other;
    }

    pub fn begins(self: *Document, member: json.Member) json.Failure!json.Keep {
        const depth = member.depth;
        self.place[depth] = null;
        const path = self.pathOf(depth, member.key) orelse return .nothing;
        if (depth == 1) self.noteChunk(path, member.kind);
        const index = placeOf(path) orelse return .nothing;
        self.place[depth] = index;
        self.kind = member.kind;
        self.found[index].is_present = false;
        const place = places[index];
        if (member.kind == .object and place.name == .@"error") self.beginError(&self.has_error, index);
        if (member.kind == .object and place.name == .response_error) self.beginError(&self.has_response_error, index);
        return switch (member.kind) {
            .string => .characters,
            .object, .array => if (place.shape == .any) .bytes else .nothing,
            .number => if (place.shape == .short and depth > 1 and place.name != .response_error) .bytes else .nothing,
            else => .nothing,
        };
    }

    /// Begins an error. If an error occurs twice, the last one counts.
    fn beginError(self: *Document, has_error: *bool, index: usize) void {
        has_error.* = true;
        for (self.found[index + 1 ..][0..3]) |*fact| fact.is_present = false;
    }

    pub fn ends(self: *Document, value: json.Value) json.Failure!void {
        const index = self.place[value.depth] orelse return;
        const text = value.text orelse return;
        const is_short = places[index].shape == .short;
        if (self.kind == .number and !isNumber(text)) return;
        const shown = if (is_short) cutText(text) else text;
        try self.found[index].set(self.allocator, shown, self.kind == .number);
    }

    fn noteChunk(self: *Document, path: []const u8, kind: json.Kind) void {
        if (std.mem.eql(u8, path, "choices")) self.choices = if (kind == .array and self.choices != .other) .empty else .other;
        if (std.mem.eql(u8, path, "usage")) self.usage_is_object = kind == .object;
    }

    /// Returns the path of a member; null if it leads to nothing relevant.
    fn pathOf(self: *Document, depth: usize, key: []const u8) ?[]const u8 {
        self.path_lengths[depth] = 0;
        var length: usize = 0;
        if (depth > 1) {
            length = self.path_lengths[depth - 1];
            if (length == 0 or length == path_bytes_max) return null;
            self.path[length] = '.';
            length += 1;
        }
        if (key.len > path_bytes_max - length or std.mem.indexOfScalar(u8, key, '.') != null) return null;
        @memcpy(self.path[length..][0..key.len], key);
        self.path_lengths[depth] = length + key.len;
        return self.path[0 .. length + key.len];
    }

    pub fn isUsageChunk(self: *const Document) bool {
        return self.choices == .empty and self.usage_is_object;
    }

    /// Returns whether the rest of the document may still make it a usage chunk.
    pub fn mayBeUsageChunk(self: *const Document) bool {
        return self.choices != .other;
    }

    /// Adds what was found to `facts`.
    pub fn addTo(self: *const Document, facts: *Facts) error{OutOfMemory}!void {
        for (places, &self.found) |place, *fact| {
            if (fact.is_present) try facts.set(place.name, fact.text.items, fact.is_bare);
        }
        if (self.has_error and !self.isNamed(.@"error")) try facts.set(.@"error.present", "true", true);
        if (self.has_response_error and !self.isNamed(.response_error)) try facts.set(.@"response_error.present", "true", true);
    }

    fn isNamed(self: *const Document, name: Name) bool {
        for (places, 0..) |place, index| {
            if (place.name != name) continue;
            for (self.found[index .. index + 4]) |fact| {
                if (fact.is_present) return true;
            }
        }
        return false;
    }
};

fn placeOf(path: []const u8) ?usize {
    inline for (places, 0..) |place, index| {
        if (std.mem.eql(u8, place.path, path)) return index;
    }
    return null;
}

fn isNumber(text: []const u8) bool {
    numbers.check(text) catch return false;
    return true;
}

/// Returns the beginning of a text, without a partial character at its end.
fn cutText(text: []const u8) []const u8 {
    if (text.len <= short_bytes_max) return text;
    var length: usize = short_bytes_max;
    while (length > 0 and text[length] & 0xc0 == 0x80) length -= 1;
    return text[0..length];
}
