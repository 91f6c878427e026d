//! The facts that authz_service decides by: a few values of the request body, as the fields of a
//! `google.protobuf.Struct`.

const std = @import("std");
const contract = @import("contract.zig");
const fact_fields = @import("fact_fields.zig");
const json = @import("json_reader.zig");
const numbers = @import("numbers.zig");
const request_content = @import("request_content.zig");
const Content = request_content.Content;
const Found = fact_fields.Found;
const appendField = fact_fields.append;

const Text = std.ArrayList(u8);

/// The possible places of values. If a key occurs in several places, the last one here wins.
const Place = enum {
    model,
    stream,
    background,
    max_tokens,
    max_completion_tokens,
    max_output_tokens,
    n,
    best_of,
    candidate_count,
    speed,
    inference_geo,
    stream_format,
    input,
    voice,
    serviceTier,
    service_tier,
    include_usage,
    camel_candidate_camel,
    camel_candidate_snake,
    camel_limit_camel,
    camel_limit_snake,
    snake_candidate_camel,
    snake_candidate_snake,
    snake_limit_camel,
    snake_limit_snake,

    fn fact(self: Place) contract.RequestFact {
        return switch (self) {
            .camel_candidate_camel, .camel_candidate_snake, .snake_candidate_camel, .snake_candidate_snake => .candidate_count,
            .camel_limit_camel, .camel_limit_snake, .snake_limit_camel, .snake_limit_snake => .generation_max_output_tokens,
            .serviceTier => .service_tier,
            .input, .voice => .input_characters,
            inline else => |place| @field(contract.RequestFact, @tagName(place)),
        };
    }
};

const Parent = enum { other, stream_options, generationConfig, generation_config };

fn innerPlace(parent: Parent, key: []const u8) ?Place {
    const is_camel = parent == .generationConfig;
    switch (parent) {
        .other => return null,
        .stream_options => return if (std.mem.eql(u8, key, "include_usage")) .include_usage else null,
        else => {},
    }
    if (std.mem.eql(u8, key, "candidateCount")) return if (is_camel) .camel_candidate_camel else .snake_candidate_camel;
    if (std.mem.eql(u8, key, "candidate_count")) return if (is_camel) .camel_candidate_snake else .snake_candidate_snake;
    if (std.mem.eql(u8, key, "maxOutputTokens")) return if (is_camel) .camel_limit_camel else .snake_limit_camel;
    if (std.mem.eql(u8, key, "max_output_tokens")) return if (is_camel) .camel_limit_snake else .snake_limit_snake;
    return null;
}

fn outerPlace(key: []const u8) ?Place {
    const place = std.meta.stringToEnum(Place, key) orelse return null;
    return if (@backingInt(place) <= @backingInt(Place.service_tier)) place else null;
}

/// The reader's visitor.
const Visitor = struct {
    pub const is_strict = true;
    pub const key_depth = request_content.depth_max;
    /// As many as the longest text that is spoken may have.
    pub const text_bytes_max = 16_384;

    arena: std.mem.Allocator,
    content: Content,
    found: std.EnumArray(Place, Found) = .initFill(.nothing),
    parent: Parent = .other,
    place: ?Place = null,
    kind: json.Kind = .null,
    /// Only a text to be spoken comes with a voice. One of the provider's has a name, and one of an account is an object.
    has_voice: bool = false,
    /// Of every `input`, so that none is left out if there are several.
    input_characters: ?usize = 0,

    pub fn top(_: *Visitor, _: json.Kind) json.Failure!void {}

    pub fn begins(self: *Visitor, member: json.Member) json.Failure!json.Keep {
        const wanted = try self.content.begins(member);
        if (member.depth > 2) return wanted;
        self.place = self.placeOf(member);
        const place = self.place orelse return wanted;
        self.kind = member.kind;
        if (place == .voice) self.has_voice = member.kind == .string;
        self.found.set(place, switch (member.kind) {
            .true => .{ .boolean = true },
            .false => .{ .boolean = false },
            else => .nothing,
        });
        return switch (member.kind) {
            .string => .characters,
            .number => .bytes,
            else => wanted,
        };
    }

    fn placeOf(self: *Visitor, member: json.Member) ?Place {
        if (member.depth == 2) return innerPlace(self.parent, member.key);
        self.parent = std.meta.stringToEnum(Parent, member.key) orelse .other;
        if (self.parent != .other) self.forget(self.parent);
        if (member.kind != .object) self.parent = .other;
        return outerPlace(member.key);
    }

    pub fn ends(self: *Visitor, value: json.Value) json.Failure!void {
        try self.content.ends(value);
        const place = self.place orelse return;
        self.place = null;
        if (place == .input or place == .voice) return if (place == .input) self.endInput(value.text);
        const text = value.text orelse return;
        switch (self.kind) {
            .string => self.found.set(place, .{ .characters = try self.arena.dupe(u8, text) }),
            .number => self.found.set(place, .{ .number = try numbers.valueOf(text) }),
            else => {},
        }
    }

    fn endInput(self: *Visitor, text: ?[]const u8) void {
        if (self.kind != .string) return;
        const characters = std.unicode.utf8CountCodepoints(text orelse "\xff") catch {
            self.input_characters = null;
            return;
        };
        if (self.input_characters) |*count| count.* += characters;
    }

    /// Drops the values of an earlier object with the same name: the last object counts, with all its members.
    fn forget(self: *Visitor, parent: Parent) void {
        for ([_][]const u8{ "include_usage", "candidateCount", "candidate_count", "maxOutputTokens", "max_output_tokens" }) |key| {
            if (innerPlace(parent, key)) |place| self.found.set(place, .nothing);
        }
    }
};

pub const Facts = struct {
    allocator: std.mem.Allocator,
    reader: json.Reader(Visitor),

    pub fn init(arena: std.mem.Allocator) Facts {
        return .{ .allocator = arena, .reader = .init(arena, .{ .arena = arena, .content = .{ .arena = arena } }) };
    }

    pub fn push(self: *Facts, bytes: []const u8) json.Failure!void {
        try self.reader.push(bytes);
    }

    /// Returns the model that the body names; null if it names none.
    pub fn modelName(self: *const Facts) ?[]const u8 {
        const found = self.reader.visitor.found.get(.model);
        return if (found == .characters) found.characters else null;
    }

    /// Handles the end of the body, and appends what was found in it to `fields`.
    pub fn finish(self: *Facts, fields: *Text) json.Failure!void {
        try self.reader.finish();
        for (std.enums.values(Place)) |place| {
            if (place == .input or place == .voice) continue;
            try appendField(self.allocator, fields, place.fact(), self.reader.visitor.found.get(place));
        }
        const visitor = &self.reader.visitor;
        try self.appendContent(fields, &visitor.content);
        if (visitor.has_voice) if (visitor.input_characters) |count| {
            if (count > 0) try appendField(self.allocator, fields, .input_characters, .{ .number = @floatFromInt(count) });
        };
    }

    fn appendContent(self: *Facts, fields: *Text, content: *const Content) error{OutOfMemory}!void {
        const totals = &content.totals;
        const counts = [_]struct { contract.RequestFact, usize }{
            .{ .prompts, content.prompts },
            .{ .inputs, content.inputs },
            .{ .ranked_documents, content.ranked_documents },
            .{ .query_bytes, content.query_bytes },
            .{ .images, totals.counts.get(.image) },
            .{ .image_bytes, totals.bytes.get(.image) },
            .{ .audios, totals.counts.get(.audio) },
            .{ .audio_bytes, totals.bytes.get(.audio) },
            .{ .documents, totals.counts.get(.document) },
            .{ .document_bytes, totals.bytes.get(.document) },
            .{ .remote_images, totals.remote_images },
            .{ .remote_documents, totals.remote_documents },
        };
        for (counts) |entry| {
            const fact, const count = entry;
            if (count > 0) try appendField(self.allocator, fields, fact, .{ .number = @floatFromInt(count) });
        }
        if (content.thinking_budget > 0) try appendField(self.allocator, fields, .thinking_budget, .{ .number = content.thinking_budget });
        inline for (.{ "references", "tools", "models" }) |name| {
            const list = &@field(content, name);
            if (list.count() > 0) try appendField(self.allocator, fields, @field(contract.RequestFact, name), .{ .characters = try list.joined(self.allocator) });
        }
        inline for (.{ "audio_output", "image_output", "has_cache_control", "has_tools", "has_compaction", "is_excessive" }) |name| {
            if (@field(content, name)) try appendField(self.allocator, fields, @field(contract.RequestFact, name), .{ .boolean = true });
        }
    }
};

/// Returns whether a header names JSON: `application/json`, with or without parameters.
pub fn isJson(content_type: []const u8) bool {
    const name = contract.json_type;
    if (!std.ascii.startsWithIgnoreCase(content_type, name)) return false;
    const rest = std.mem.trimStart(u8, content_type[name.len..], " \t");
    return rest.len == 0 or rest[0] == ';';
}
