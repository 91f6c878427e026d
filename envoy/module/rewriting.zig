//! Refuses request bodies that two JSON readers could read differently in a relevant key. In all others it changes the
//! value of `model`, `stream_options.include_usage` and the output limit, and no other byte.

const std = @import("std");
const json = @import("json_reader.zig");
const json_text = @import("json_text.zig");
const ladders = @import("ladders.zig");
const Refusal = @import("contract.zig").Refusal;
const Text = json_text.Text;

/// What authz_service decided about the body.
pub const Wish = struct {
    /// The new model as JSON.
    model_text: ?[]const u8 = null,
    include_usage: bool = false,
    output_limit: ?OutputLimit = null,

    pub fn isEmpty(self: Wish) bool {
        return self.model_text == null and !self.include_usage and self.output_limit == null;
    }
};

/// The field of a limit, and its number of tokens in digits.
pub const OutputLimit = struct {
    field: Field,
    tokens: []const u8,

    pub const Field = enum { max_tokens, max_completion_tokens, max_output_tokens, maxOutputTokens };

    /// Reads `<field>=<tokens>`. Returns null for anything else.
    pub fn of(text: []const u8) ?OutputLimit {
        const middle = std.mem.indexOfScalar(u8, text, '=') orelse return null;
        const field = std.meta.stringToEnum(Field, text[0..middle]) orelse return null;
        const tokens = text[middle + 1 ..];
        if (tokens.len == 0 or tokens.len > digits_max) return null;
        for (tokens) |digit| if (!std.ascii.isDigit(digit)) return null;
        return .{ .field = field, .tokens = tokens };
    }
};

const digits_max = 10;

/// Replaces the bytes from `first` up to, but not including, `last` by `text`.
pub const Edit = struct { first: usize, last: usize, text: []const u8 };

/// At most three edits, in the order of the body.
pub const Edits = struct {
    items: [3]Edit = undefined,
    count: usize = 0,
    /// Whether usage is requested although the caller did not ask for it.
    is_usage_injected: bool = false,

    fn add(self: *Edits, edit: Edit) void {
        var index = self.count;
        while (index > 0 and edit.first < self.items[index - 1].first) : (index -= 1) self.items[index] = self.items[index - 1];
        self.items[index] = edit;
        self.count += 1;
    }

    pub fn slice(self: *const Edits) []const Edit {
        return self.items[0..self.count];
    }
};

pub const Outcome = union(enum) { refused: Refusal, edits: Edits };

/// Relevant keys. Different spellings that some provider accepts for the same key are one key here.
const Key = enum {
    other,
    model,
    stream,
    background,
    stream_options,
    max_tokens,
    max_completion_tokens,
    max_output_tokens,
    n,
    best_of,
    candidate_count,
    service_tier,
    speed,
    inference_geo,
    stream_format,
    voice,
    prompt,
    tools,
    fallbacks,
    models,
    mcp_servers,
    web_search_options,
    search_parameters,
    previous_response_id,
    conversation,
    container,
    cached_content,
    thinking,
    generation_config,
    messages,
    input,
    contents,
    system,
    instructions,
    system_instruction,
    include_usage,

    /// The decision reads these whatever they are, or they are what the model reads. Of the others it uses only plain values.
    fn mayNest(self: Key) bool {
        return switch (self) {
            .stream_options, .generation_config, .prompt, .tools, .fallbacks, .models, .mcp_servers => true,
            .web_search_options, .search_parameters, .conversation, .container, .thinking => true,
            .messages, .input, .contents, .system, .instructions, .system_instruction => true,
            else => false,
        };
    }
};

const Spelling = struct { []const u8, Key };

const body_spellings = [_]Spelling{
    .{ "model", .model },
    .{ "stream", .stream },
    .{ "background", .background },
    .{ "stream_options", .stream_options },
    .{ "max_tokens", .max_tokens },
    .{ "max_completion_tokens", .max_completion_tokens },
    .{ "max_output_tokens", .max_output_tokens },
    .{ "n", .n },
    .{ "best_of", .best_of },
    .{ "candidate_count", .candidate_count },
    .{ "service_tier", .service_tier },
    .{ "serviceTier", .service_tier },
    .{ "speed", .speed },
    .{ "inference_geo", .inference_geo },
    .{ "stream_format", .stream_format },
    .{ "voice", .voice },
    .{ "prompt", .prompt },
    .{ "tools", .tools },
    .{ "fallbacks", .fallbacks },
    .{ "models", .models },
    .{ "mcp_servers", .mcp_servers },
    .{ "web_search_options", .web_search_options },
    .{ "search_parameters", .search_parameters },
    .{ "previous_response_id", .previous_response_id },
    .{ "conversation", .conversation },
    .{ "container", .container },
    .{ "cachedContent", .cached_content },
    .{ "cached_content", .cached_content },
    .{ "thinking", .thinking },
    .{ "generationConfig", .generation_config },
    .{ "generation_config", .generation_config },
    .{ "messages", .messages },
    .{ "input", .input },
    .{ "contents", .contents },
    .{ "system", .system },
    .{ "instructions", .instructions },
    .{ "systemInstruction", .system_instruction },
    .{ "system_instruction", .system_instruction },
};
const option_spellings = [_]Spelling{.{ "include_usage", .include_usage }};
const generation_spellings = [_]Spelling{
    .{ "maxOutputTokens", .max_output_tokens },
    .{ "max_output_tokens", .max_output_tokens },
    .{ "candidateCount", .candidate_count },
    .{ "candidate_count", .candidate_count },
};

/// What is known of a member that may be edited.
const Span = struct { first: usize = 0, last: usize = 0, kind: json.Kind };

/// The keys at the top level that limit the output.
const LimitKey = enum { max_tokens, max_completion_tokens, max_output_tokens };

const Visitor = struct {
    pub const is_strict = true;
    pub const key_depth = 2;
    pub const text_bytes_max = 0;

    refusal: ?Refusal = null,
    outer: Key = .other,
    inner: Key = .other,
    seen: std.EnumSet(Key) = .empty,
    seen_inside: std.EnumSet(Key) = .empty,
    is_empty: bool = true,
    options_are_empty: bool = true,
    model: ?Span = null,
    options: ?Span = null,
    include: ?Span = null,
    limits: std.EnumArray(LimitKey, ?Span) = .initFill(null),
    generation: ?Span = null,
    generation_is_empty: bool = true,
    generation_limit: ?Span = null,

    pub fn top(self: *Visitor, kind: json.Kind) json.Failure!void {
        if (kind != .object) return self.refuse(.body_not_object);
    }

    pub fn begins(self: *Visitor, member: json.Member) json.Failure!json.Keep {
        if (member.depth == 1) {
            self.is_empty = false;
            self.outer = try self.watched(&body_spellings, &self.seen, member);
            self.seen_inside = .empty;
            if (self.spanOf(1)) |span| span.* = .{ .kind = member.kind };
            return if (member.kind == .array) .skip else .nothing;
        }
        self.inner = switch (self.outer) {
            .stream_options => try self.watched(&option_spellings, &self.seen_inside, member),
            .generation_config => try self.watched(&generation_spellings, &self.seen_inside, member),
            else => return .nothing,
        };
        if (self.outer == .stream_options) self.options_are_empty = false;
        if (self.outer == .generation_config) self.generation_is_empty = false;
        if (self.spanOf(2)) |span| span.* = .{ .kind = member.kind };
        return .nothing;
    }

    /// Returns the place of the span of the current member; null if it is never edited.
    fn spanOf(self: *Visitor, depth: usize) ?*?Span {
        if (depth == 1) return switch (self.outer) {
            .model => &self.model,
            .stream_options => &self.options,
            .generation_config => &self.generation,
            .max_tokens => self.limits.getPtr(.max_tokens),
            .max_completion_tokens => self.limits.getPtr(.max_completion_tokens),
            .max_output_tokens => self.limits.getPtr(.max_output_tokens),
            else => null,
        };
        if (self.outer == .stream_options and self.inner == .include_usage) return &self.include;
        if (self.outer == .generation_config and self.inner == .max_output_tokens) return &self.generation_limit;
        return null;
    }

    pub fn ends(self: *Visitor, value: json.Value) json.Failure!void {
        const span = self.spanOf(value.depth) orelse return;
        if (span.*) |*known| {
            known.first = value.first;
            known.last = value.last;
        }
    }

    fn refuse(self: *Visitor, refusal: Refusal) error{Refused} {
        self.refusal = refusal;
        return error.Refused;
    }

    /// Returns the relevant key, or `other`.
    fn watched(self: *Visitor, spellings: []const Spelling, seen: *std.EnumSet(Key), member: json.Member) json.Failure!Key {
        for (spellings) |spelling| {
            const text, const key = spelling;
            if (text.len != member.key.len or !std.ascii.eqlIgnoreCase(text, member.key)) continue;
            if (member.is_escaped) return self.refuse(.escaped_key);
            if (!std.mem.eql(u8, text, member.key)) return self.refuse(.misspelled_key);
            if (seen.contains(key)) return self.refuse(.repeated_key);
            seen.insert(key);
            if (!key.mayNest() and (member.kind == .object or member.kind == .array)) return self.refuse(.nested_value);
            return key;
        }
        return .other;
    }
};

/// Reads a body that arrives in pieces.
pub const Rewriter = struct {
    reader: json.Reader(Visitor),
    opens_at: usize = 0,

    pub fn init(allocator: std.mem.Allocator) Rewriter {
        return .{ .reader = .init(allocator, .{}) };
    }

    pub fn deinit(self: *Rewriter) void {
        self.reader.deinit();
    }

    /// Returns false if the body is refused; `outcome` then returns the reason.
    pub fn push(self: *Rewriter, bytes: []const u8) bool {
        if (self.reader.depth == 0 and !self.reader.isDone()) {
            const spaces = bytes.len - std.mem.trimStart(u8, bytes, " \t\r\n").len;
            self.opens_at = self.reader.offset + spaces;
        }
        self.reader.push(bytes) catch |failure| return self.fails(failure);
        return true;
    }

    fn fails(self: *Rewriter, failure: json.Failure) bool {
        const visitor = &self.reader.visitor;
        if (visitor.refusal == null) visitor.refusal = switch (failure) {
            error.TooDeep => .body_too_deep,
            error.OutOfMemory => .gateway_error,
            error.Malformed, error.Refused => if (self.reader.depth == 0 and !self.reader.isDone()) .body_not_object else .malformed_body,
        };
        return false;
    }

    /// Returns what to do with the body after it has ended or was refused. The texts of the edits live in `room`.
    pub fn outcome(self: *Rewriter, wish: Wish, room: *Room) Outcome {
        const visitor = &self.reader.visitor;
        if (visitor.refusal == null) self.reader.finish() catch |failure| {
            _ = self.fails(failure);
        };
        if (visitor.refusal) |refusal| return .{ .refused = refusal };
        var edits: Edits = .{};
        if (wish.model_text) |text| {
            const span = visitor.model orelse return .{ .refused = .invalid_model };
            if (span.kind != .string) return .{ .refused = .invalid_model };
            edits.add(.{ .first = span.first, .last = span.last, .text = text });
        }
        if (wish.include_usage) {
            const edit = self.usageEdit(&room.usage) catch return .{ .refused = .invalid_stream_options };
            if (edit) |needed| edits.add(needed);
            edits.is_usage_injected = edit != null;
        }
        if (wish.output_limit) |limit| {
            edits.add(self.limitEdit(limit, edits.count > 0, &room.limit) catch return .{ .refused = .gateway_error });
        }
        return .{ .edits = edits };
    }

    /// Returns the edit that makes the provider report usage; null if the caller already asked for it.
    fn usageEdit(self: *Rewriter, room: *TextRoom) EditError!?Edit {
        const visitor = &self.reader.visitor;
        if (visitor.include) |include| return switch (include.kind) {
            .true => null,
            .false, .null => replacement(include, "true"),
            else => error.Invalid,
        };
        const options: Object = .{ .name = "stream_options", .span = visitor.options, .is_empty = visitor.options_are_empty };
        return try self.innerInsertion(options, "include_usage", "true", room);
    }

    /// Returns the edit that writes an output limit. A limit of the caller can only be null: authz_service chose no limit
    /// for a call that names one.
    fn limitEdit(self: *Rewriter, limit: OutputLimit, has_edits: bool, room: *TextRoom) EditError!Edit {
        const visitor = &self.reader.visitor;
        const name = @tagName(limit.field);
        const place: ?Span = switch (limit.field) {
            .maxOutputTokens => visitor.generation_limit,
            inline else => |field| visitor.limits.get(@field(LimitKey, @tagName(field))),
        };
        if (place) |span| return if (span.kind == .null) replacement(span, limit.tokens) else error.Invalid;
        if (limit.field == .maxOutputTokens) {
            const generation: Object = .{ .name = "generationConfig", .span = visitor.generation, .is_empty = visitor.generation_is_empty };
            return self.innerInsertion(generation, name, limit.tokens, room);
        }
        // In an empty object, only another insertion can come before this one.
        const before = if (visitor.is_empty and has_edits) "," else "";
        return insertion(room, self.opens_at, visitor.is_empty, "{s}\"{s}\":{s}", .{ before, name, limit.tokens });
    }

    /// Inserts a member into an object of the body that may be missing or null.
    fn innerInsertion(self: *Rewriter, object: Object, name: []const u8, value: []const u8, room: *TextRoom) EditError!Edit {
        const span = object.span orelse
            return insertion(room, self.opens_at, self.reader.visitor.is_empty, "\"{s}\":{{\"{s}\":{s}}}", .{ object.name, name, value });
        return switch (span.kind) {
            .null => replacement(span, try std.fmt.bufPrint(room, "{{\"{s}\":{s}}}", .{ name, value })),
            .object => insertion(room, span.first, object.is_empty, "\"{s}\":{s}", .{ name, value }),
            else => error.Invalid,
        };
    }
};

const EditError = error{ Invalid, NoSpaceLeft };

/// An object inside the body that an edit may write into.
const Object = struct { name: []const u8, span: ?Span, is_empty: bool };

const TextRoom = [64]u8;
/// Room for the texts of the edits.
pub const Room = struct { usage: TextRoom, limit: TextRoom };

/// Inserts a formatted member as the first one of the object that opens at `opens_at`.
fn insertion(room: *TextRoom, opens_at: usize, is_empty: bool, comptime member: []const u8, values: anytype) EditError!Edit {
    const text = try std.fmt.bufPrint(room, member ++ "{s}", values ++ .{if (is_empty) "" else ","});
    return .{ .first = opens_at + 1, .last = opens_at + 1, .text = text };
}

fn replacement(span: Span, text: []const u8) Edit {
    return .{ .first = span.first, .last = span.last, .text = text };
}

/// Appends the body in `pieces` with the edits applied.
pub fn apply(
    allocator: std.mem.Allocator,
    pieces: []const []const u8,
    edits: []const Edit,
    out: *Text,
) error{OutOfMemory}!void {
    var total: usize = 0;
    for (pieces) |piece| total += piece.len;
    var added: usize = 0;
    for (edits) |edit| added += edit.text.len;
    try out.ensureTotalCapacity(allocator, total + added);
    var position: usize = 0;
    for (edits) |edit| {
        try appendRange(allocator, pieces, position, edit.first, out);
        try out.appendSlice(allocator, edit.text);
        position = edit.last;
    }
    try appendRange(allocator, pieces, position, total, out);
}

/// Appends the pieces of a body with their edits.
pub fn applyTo(allocator: std.mem.Allocator, pieces: anytype, edits: []const Edit, out: *Text) error{OutOfMemory}!void {
    const parts = try allocator.alloc([]const u8, pieces.slices().len);
    defer allocator.free(parts);
    for (pieces.slices(), parts) |piece, *part| part.* = piece.bytes();
    try apply(allocator, parts, edits, out);
}

/// Returns where the text of an edit is after all of them were applied to a body of this length.
pub fn placeOf(edits: []const Edit, text: []const u8, body_length: usize) ?ladders.Place {
    var found: ?ladders.Place = null;
    var added: usize = 0;
    var removed: usize = 0;
    for (edits) |edit| {
        const first = edit.first + added - removed;
        if (edit.text.ptr == text.ptr) found = .{ .first = first, .last = first + edit.text.len, .body_length = 0 };
        added += edit.text.len;
        removed += edit.last - edit.first;
    }
    if (found) |*place| place.body_length = body_length + added - removed;
    return found;
}

/// Appends the bytes from `first` up to, but not including, `last` of the concatenated pieces.
fn appendRange(
    allocator: std.mem.Allocator,
    pieces: []const []const u8,
    first: usize,
    last: usize,
    out: *Text,
) error{OutOfMemory}!void {
    var offset: usize = 0;
    for (pieces) |piece| {
        const from = @max(first, offset);
        const until = @min(last, offset + piece.len);
        if (from < until) try out.appendSlice(allocator, piece[from - offset .. until - offset]);
        offset += piece.len;
    }
}
