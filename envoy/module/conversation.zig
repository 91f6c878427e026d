//! What the choice of a model needs to know of a conversation, in the dialects that are routed: which session and which application
//! it belongs to, whether it is in the middle of something, and the scores of what the user wrote. Only for calls whose model may be
//! virtual. Texts become keyless hashes here; authz_service keys them before it remembers one.

const std = @import("std");
const contract = @import("contract.zig");
const fact_fields = @import("fact_fields.zig");
const json = @import("json_reader.zig");
const scores = @import("scores.zig");

const Hash = std.crypto.auth.siphash.SipHash128(1, 3);
const Key = [Hash.key_length]u8;
const no_key: Key = @splat(0);

/// Reading a larger body at once would keep a worker from its other calls.
pub const body_bytes_max = 262_144;

/// The members of a body that count.
const Section = enum { other, turns, application, tools, prompt };
/// What a string inside a section is.
const Part = enum { nothing, role, kind, text, other, name };

const Turn = struct {
    role: enum { other, user, system, assistant, tool } = .other,
    is_result: bool = false,
    has_text: bool = false,
    /// Of its texts alone, so that marks for a cache and ids do not matter.
    texts: Hash = .init(&no_key),
    /// Of all its strings but ids: two results that are equal have equal hashes.
    all: Hash = .init(&no_key),
};

const Visitor = struct {
    pub const is_strict = true;
    /// A text in a block of the result of a tool in a block of a turn.
    pub const key_depth = 7;
    pub const text_bytes_max = body_bytes_max;

    section: Section = .other,
    part: Part = .nothing,
    depth: usize = 0,
    /// Whether the block that is read holds the result of a tool, which is no text of the user.
    in_result: bool = false,
    turn: Turn = .{},
    turns: usize = 0,
    application: Hash = .init(&no_key),
    first_user: ?[Hash.mac_length]u8 = null,
    last_result: ?[Hash.mac_length]u8 = null,
    repeated_results: usize = 0,
    in_tool_loop: bool = false,
    has_signed_thinking: bool = false,
    allocator: std.mem.Allocator,
    /// The start of what the user wrote, a line for each text, and how much of it is of the turns before.
    written: std.ArrayList(u8) = .empty,
    written_before: usize = 0,

    pub fn top(_: *Visitor, _: json.Kind) json.Failure!void {}

    pub fn begins(self: *Visitor, member: json.Member) json.Failure!json.Keep {
        self.part = .nothing;
        if (member.depth == 1) self.section = sectionOf(member.key);
        if (self.section == .other) return if (member.kind == .object or member.kind == .array) .skip else .nothing;
        self.depth = member.depth;
        if (self.section == .turns) {
            if (member.depth == 2) self.turn = .{ .role = if (member.kind == .string) .user else .other };
            if (member.depth == 4) self.in_result = false;
            if (isResponse(member.key)) self.beginResult();
            if (isSignature(member.key) and member.kind == .string) self.has_signed_thinking = true;
        }
        if (member.kind != .string) return .nothing;
        self.part = self.partOf(member);
        return if (self.part == .nothing) .nothing else .characters;
    }

    fn partOf(self: *const Visitor, member: json.Member) Part {
        const is_text = isOneOf(member.key, &.{ "", "text", "content" });
        return switch (self.section) {
            .other => .nothing,
            .tools => if (isOneOf(member.key, &.{"name"})) .name else .nothing,
            .application => if (member.depth == 1 or is_text) .text else .nothing,
            .prompt => if (member.depth <= 2) .text else .nothing,
            .turns => {
                if (member.depth <= 2) return .text;
                if (member.depth == 3 and isOneOf(member.key, &.{"role"})) return .role;
                if (isOneOf(member.key, &.{"type"})) return .kind;
                if (isId(member.key)) return .nothing;
                return if (is_text and member.depth <= 5) .text else .other;
            },
        };
    }

    fn beginResult(self: *Visitor) void {
        self.in_result = true;
        self.turn.is_result = true;
    }

    pub fn ends(self: *Visitor, value: json.Value) json.Failure!void {
        const part = self.part;
        self.part = .nothing;
        if (value.text) |text| try self.take(part, text);
        if (self.section == .turns and value.depth == 2) self.endTurn();
        if (value.depth == 1) {
            if (self.section == .prompt or (self.section == .turns and part == .text)) self.endTurn();
            self.section = .other;
        }
    }

    fn take(self: *Visitor, part: Part, text: []const u8) json.Failure!void {
        switch (part) {
            .nothing => {},
            .name => add(&self.application, text),
            .text => switch (self.section) {
                .application => add(&self.application, text),
                else => {
                    if (self.section == .prompt or self.depth == 1) self.turn.role = .user;
                    if (!self.in_result) {
                        add(&self.turn.texts, text);
                        self.turn.has_text = true;
                        try self.write(text);
                    }
                    add(&self.turn.all, text);
                },
            },
            .other => add(&self.turn.all, text),
            .role => self.turn.role = if (isOneOf(text, &.{"user"})) .user else if (isOneOf(text, &.{ "system", "developer" })) .system else if (isOneOf(text, &.{ "tool", "function" })) .tool else .assistant,
            .kind => self.takeKind(text),
        }
    }

    /// Keeps a text that the user may have written. The role of a turn may come after its texts.
    fn write(self: *Visitor, text: []const u8) json.Failure!void {
        if (self.turn.role == .assistant or self.turn.role == .system) return;
        const room = scores.text_bytes_max - self.written.items.len;
        if (room == 0) return;
        try self.written.appendSlice(self.allocator, text[0..@min(text.len, room)]);
        if (text.len < room) try self.written.append(self.allocator, '\n');
    }

    fn takeKind(self: *Visitor, text: []const u8) void {
        if (isOneOf(text, &.{"redacted_thinking"})) self.has_signed_thinking = true;
        if (isOneOf(text, &.{"tool_result"}) or std.mem.endsWith(u8, text, "_call_output")) return self.beginResult();
        // Items of a response besides messages: calls of tools and thoughts.
        if (self.depth == 3 and self.turn.role == .other and !isOneOf(text, &.{"message"})) self.turn.role = .assistant;
    }

    fn endTurn(self: *Visitor) void {
        self.turns += 1;
        var turn = self.turn;
        self.turn = .{};
        self.in_result = false;
        // Gemini leaves out the role of a single turn.
        if (turn.role != .user and turn.role != .other) self.written.items.len = self.written_before;
        self.written_before = self.written.items.len;
        self.in_tool_loop = turn.is_result or turn.role == .tool;
        if (self.in_tool_loop) {
            const result = finalOf(&turn.all);
            const is_same = if (self.last_result) |last| std.mem.eql(u8, &last, &result) else false;
            self.repeated_results = if (is_same) self.repeated_results + 1 else 0;
            self.last_result = result;
            return;
        }
        if (turn.has_text and turn.role != .assistant) {
            self.last_result = null;
            self.repeated_results = 0;
        }
        if (!turn.has_text or self.first_user != null) return;
        if (turn.role == .system) add(&self.application, &finalOf(&turn.texts));
        if (turn.role == .user or turn.role == .other) self.first_user = finalOf(&turn.texts);
    }
};

pub const Conversation = struct {
    allocator: std.mem.Allocator,
    reader: json.Reader(Visitor),

    pub fn init(arena: std.mem.Allocator) Conversation {
        return .{ .allocator = arena, .reader = .init(arena, .{ .allocator = arena }) };
    }

    pub fn push(self: *Conversation, bytes: []const u8) json.Failure!void {
        try self.reader.push(bytes);
    }

    /// Handles the end of the body, and appends what was found to `fields`. Without a text of the user there is no session.
    pub fn finish(self: *Conversation, fields: *std.ArrayList(u8)) json.Failure!void {
        try self.reader.finish();
        const found = &self.reader.visitor;
        const application = finalOf(&found.application);
        try self.append(fields, .application, .{ .characters = &std.fmt.bytesToHex(application, .lower) });
        if (found.first_user) |first| {
            var session: Hash = .init(&no_key);
            session.update(&application);
            session.update(&first);
            try self.append(fields, .session, .{ .characters = &std.fmt.bytesToHex(finalOf(&session), .lower) });
        }
        try self.append(fields, .turns, .{ .number = @floatFromInt(found.turns) });
        if (found.in_tool_loop) try self.append(fields, .in_tool_loop, .{ .boolean = true });
        if (found.has_signed_thinking) try self.append(fields, .has_signed_thinking, .{ .boolean = true });
        if (found.repeated_results > 0) try self.append(fields, .repeated_results, .{ .number = @floatFromInt(found.repeated_results) });
        if (found.written.items.len > 0) try self.appendScores(fields, found.written.items);
    }

    fn appendScores(self: *Conversation, fields: *std.ArrayList(u8), written: []const u8) error{OutOfMemory}!void {
        try self.append(fields, .scores_version, .{ .number = @floatFromInt(scores.version) });
        const facts = [_]contract.ConversationFact{ .score_1, .score_2, .score_3, .score_4 };
        for (scores.of(written), facts[0..scores.count]) |score, fact| try self.append(fields, fact, .{ .number = score });
    }

    fn append(self: *Conversation, fields: *std.ArrayList(u8), fact: contract.ConversationFact, found: fact_fields.Found) error{OutOfMemory}!void {
        try fact_fields.appendNamed(self.allocator, fields, @tagName(fact), found);
    }
};

/// Texts and their borders count.
fn add(hash: *Hash, text: []const u8) void {
    hash.update(std.mem.asBytes(&@as(u64, text.len)));
    hash.update(text);
}

fn finalOf(hash: *Hash) [Hash.mac_length]u8 {
    var copy = hash.*;
    var out: [Hash.mac_length]u8 = undefined;
    copy.final(&out);
    return out;
}

fn sectionOf(key: []const u8) Section {
    if (isOneOf(key, &.{ "messages", "contents", "input" })) return .turns;
    if (isOneOf(key, &.{ "system", "instructions", "systemInstruction", "system_instruction" })) return .application;
    if (isOneOf(key, &.{"tools"})) return .tools;
    return if (isOneOf(key, &.{"prompt"})) .prompt else .other;
}

fn isResponse(key: []const u8) bool {
    return isOneOf(key, &.{ "functionResponse", "function_response" });
}

fn isSignature(key: []const u8) bool {
    return isOneOf(key, &.{ "signature", "thoughtSignature", "thought_signature", "encrypted_content" });
}

fn isId(key: []const u8) bool {
    return isOneOf(key, &.{ "id", "tool_call_id", "tool_use_id", "call_id" });
}

fn isOneOf(text: []const u8, names: []const []const u8) bool {
    for (names) |name| if (std.mem.eql(u8, text, name)) return true;
    return false;
}
