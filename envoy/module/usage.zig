//! What settlement needs from a provider's response: usage as exact text, the names of model, tier, response and errors,
//! and how much text was delivered. Of an error only its kind is taken, because a message may quote the caller.

const std = @import("std");
const contract = @import("contract.zig");
const counts = @import("usage_counts.zig");
const json = @import("json_reader.zig");
const json_text = @import("json_text.zig");
const numbers = @import("numbers.zig");
const paths = @import("answer_paths.zig");
const tools = @import("hosted_tools.zig");
const Ending = @import("endings.zig").Ending;
const StoredIds = @import("stored_ids.zig").StoredIds;
const Text = json_text.Text;

/// The names of the facts in the text that is passed on, in the order in which they are written.
pub const Name = contract.UsageFact;

const short_bytes_max = 200;
/// All facts about an answer that was read and in which nothing was found.
const nothing_delivered = "{\"delivered_bytes\":0}";
/// Replaces a report of more than `Document.text_bytes_max`.
const too_long = "too long";

/// A text, and whether it is written without quotes.
const Fact = struct {
    text: Text = .empty,
    is_bare: bool = false,
    is_present: bool = false,
    /// The sum of a report's counts, once it was needed.
    sum: ?f64 = null,

    /// Sets the text. Invalid UTF-8 would make the whole log line unreadable: a report loses it, another fact is absent.
    fn set(self: *Fact, allocator: std.mem.Allocator, text: []const u8, is_bare: bool, is_report: bool) error{OutOfMemory}!void {
        self.is_present = false;
        self.sum = null;
        const is_valid = std.unicode.utf8ValidateSlice(text);
        if (!is_valid and !is_report) return;
        self.text.clearRetainingCapacity();
        try self.text.appendSlice(allocator, text);
        if (!is_valid) json_text.replaceNonAscii(self.text.items);
        self.is_bare = is_bare;
        self.is_present = true;
    }

    fn equals(self: *const Fact, text: []const u8, is_bare: bool) bool {
        return self.is_present and self.is_bare == is_bare and std.mem.eql(u8, self.text.items, text);
    }

    /// Returns whether a report says more than `text`, so that `text` must not replace it. Reports are cumulative; some
    /// providers send an empty one, or zeros, after the true one.
    fn countsMore(self: *Fact, sum: f64) bool {
        if (self.sum == null) self.sum = counts.sumOf(self.text.items);
        return self.sum.? > sum;
    }
};

fn isReport(name: Name) bool {
    return isTotal(name) or name == .start_usage or name == .tool_usage;
}

/// Returns whether a report covers what was delivered before it.
fn isTotal(name: Name) bool {
    return switch (name) {
        .usage, .response_usage, .usage_metadata => true,
        else => false,
    };
}

/// The facts of a response so far.
pub const Facts = struct {
    allocator: std.mem.Allocator,
    facts: std.EnumArray(Name, Fact) = .initFill(.{}),
    /// Whether an answer was read. If nothing was found in it, that is reported too.
    is_read: bool = false,
    /// UTF-8 bytes of the delivered text, and the number of events that carried some.
    delivered_bytes: usize = 0,
    deltas: usize = 0,
    /// How many of the bytes had been delivered when usage was last reported.
    covered_bytes: usize = 0,
    grounding_queries: usize = 0,
    is_grounded: bool = false,
    finished_tools: tools.Counts = .{},
    listed_tools: tools.Counts = .{},
    stored_ids: StoredIds = .{},
    /// It is a fact only of calls whose model was chosen.
    ending: Ending = .regular,

    pub fn deinit(self: *Facts) void {
        for (&self.facts.values) |*fact| fact.text.deinit(self.allocator);
        self.stored_ids.deinit(self.allocator);
    }

    /// Sets a fact. Returns false if a report remains that says more than this one.
    fn set(self: *Facts, name: Name, text: []const u8, is_bare: bool) error{OutOfMemory}!bool {
        const fact = self.facts.getPtr(name);
        if (fact.equals(text, is_bare)) return true;
        const sum = if (isReport(name) and fact.is_present) counts.sumOf(text) else null;
        if (sum) |known| {
            if (fact.countsMore(known)) {
                if (isTotal(name) and known > 0) try self.keepOther(text, fact.text.items);
                return false;
            }
            if (isTotal(name)) try self.keepOther(fact.text.items, text);
        }
        try fact.set(self.allocator, text, is_bare, isReport(name));
        fact.sum = sum;
        return true;
    }

    /// Keeps a report that counts something that the greatest one does not. Of several the greatest is kept.
    fn keepOther(self: *Facts, text: []const u8, greatest: []const u8) error{OutOfMemory}!void {
        if (!counts.addsTo(text, greatest)) return;
        const other = self.facts.getPtr(.other_usage);
        const sum = counts.sumOf(text);
        if (other.is_present and other.countsMore(sum)) return;
        try other.set(self.allocator, text, false, true);
        other.sum = sum;
    }

    pub fn setTrue(self: *Facts, name: Name) error{OutOfMemory}!void {
        _ = try self.set(name, "true", true);
    }

    pub fn setText(self: *Facts, name: Name, text: []const u8) error{OutOfMemory}!void {
        _ = try self.set(name, text, false);
    }

    pub fn setNumber(self: *Facts, name: Name, number: u64) error{OutOfMemory}!void {
        var digits: [20]u8 = undefined;
        _ = try self.set(name, std.fmt.bufPrint(&digits, "{d}", .{number}) catch unreachable, true);
    }

    /// Appends the facts as one JSON object; nothing if there are none and no answer was read.
    pub fn write(self: *Facts, out: *Text) error{OutOfMemory}!void {
        try self.addCounts();
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
        if (separator[0] == ',') {
            try out.append(self.allocator, '}');
        } else if (self.is_read) {
            try out.appendSlice(self.allocator, nothing_delivered);
        }
    }

    fn addCounts(self: *Facts) error{OutOfMemory}!void {
        try self.setCount(.delivered_bytes, self.delivered_bytes);
        try self.setCount(.deltas, self.deltas);
        try self.setCount(.grounding_queries, self.grounding_queries);
        if (self.is_grounded) try self.setTrue(.grounded);
        if (self.covered_bytes < self.delivered_bytes and self.hasTotal()) try self.setTrue(.text_after_usage);
        var buffer: [tools.text_bytes_max]u8 = undefined;
        const items = tools.Counts.greatest(self.finished_tools, self.listed_tools).write(&buffer);
        if (items.len > 0) _ = try self.set(.tool_items, items, true);
        if (self.stored_ids.count > 0) try self.setText(.stored_ids, self.stored_ids.lines());
        try self.addTierOfUsage();
    }

    fn setCount(self: *Facts, name: Name, count: usize) error{OutOfMemory}!void {
        var digits: [20]u8 = undefined;
        if (count > 0) _ = try self.set(name, std.fmt.bufPrint(&digits, "{d}", .{count}) catch return, true);
    }

    fn hasTotal(self: *const Facts) bool {
        for ([_]Name{ .usage, .response_usage, .usage_metadata }) |name| {
            if (self.facts.getPtrConst(name).is_present) return true;
        }
        return false;
    }

    /// Some providers name the tier only inside their usage.
    fn addTierOfUsage(self: *Facts) error{OutOfMemory}!void {
        if (self.facts.getPtrConst(.service_tier).is_present) return;
        for ([_]Name{ .usage, .start_usage, .response_usage, .usage_metadata }) |name| {
            const fact = self.facts.getPtrConst(name);
            if (!fact.is_present) continue;
            const tier = counts.textOf(fact.text.items, "service_tier") orelse
                counts.textOf(fact.text.items, "serviceTier") orelse continue;
            return self.setText(.service_tier, cutText(tier));
        }
    }
};

/// The reader's visitor for one document: a JSON response or an event of a stream.
pub const Document = struct {
    pub const is_strict = false;
    pub const key_depth = paths.depth_max;
    pub const text_bytes_max = 65_536;

    allocator: std.mem.Allocator,
    found: [paths.facts.len]Fact = @splat(.{}),
    found_any: std.StaticBitSet(paths.facts.len) = .empty,
    /// The place of the current value at each depth.
    nodes: [key_depth + 1]paths.Node = @splat(paths.none),
    kind: json.Kind = .null,
    has_error: bool = false,
    has_response_error: bool = false,
    choices: enum { absent, empty, other } = .absent,
    usage_is_object: bool = false,

    counter: paths.Counter = .text,
    counted: std.EnumArray(paths.Counter, usize) = .initFill(0),
    event: Event = .other,
    item: tools.Item = .{},
    finished_tools: tools.Counts = .{},
    listed_tools: tools.Counts = .{},
    grounding_queries: usize = 0,
    is_grounded: bool = false,
    stored_ids: StoredIds = .{},
    ending: Ending = .regular,

    const Event = enum { other, failed, item_done, audio_delta, named };

    pub fn deinit(self: *Document) void {
        for (&self.found) |*fact| fact.text.deinit(self.allocator);
        self.stored_ids.deinit(self.allocator);
    }

    /// Drops a document, but keeps the memory for the next one.
    pub fn reset(self: *Document) void {
        var indexes = self.found_any.iterator(.{});
        while (indexes.next()) |index| self.found[index].is_present = false;
        self.found_any = .empty;
        self.has_error = false;
        self.has_response_error = false;
        self.choices = .absent;
        self.usage_is_object = false;
        self.counted = .initFill(0);
        self.event = .other;
        self.finished_tools = .{};
        self.listed_tools = .{};
        self.grounding_queries = 0;
        self.is_grounded = false;
        self.stored_ids.clear();
        self.ending = .regular;
    }

    pub fn top(self: *Document, kind: json.Kind) json.Failure!void {
        self.nodes[0] = switch (kind) {
            .object => paths.document,
            .array => paths.documents,
            else => return error.Refused,
        };
    }

    pub fn count(self: *Document, bytes: usize) void {
        self.counted.getPtr(self.counter).* += bytes;
    }

    pub fn begins(self: *Document, member: json.Member) json.Failure!json.Keep {
        const above = self.nodes[member.depth - 1];
        const node = if (member.is_element) paths.elementOf(above) else paths.memberOf(above, member.key);
        if (node == paths.none) return .skip;
        self.nodes[member.depth] = node;
        self.kind = member.kind;
        switch (paths.roleOf(node)) {
            .nothing => {},
            .fact => |index| return self.beginFact(index),
            .text => |counter| if (member.kind == .string) return self.beginCount(counter),
            .arguments => {
                const keep = self.beginCount(.text);
                // The reader counts what is inside of the value, and its first bracket, but not its last.
                if (member.kind == .object or member.kind == .array) self.count(1);
                return keep;
            },
            .choices => if (member.kind != .null) {
                self.choices = if (member.kind == .array and self.choices != .other) .empty else .other;
            },
            .choice => self.choices = .other,
            .event_type, .item_type, .item_action, .stored, .ending => return if (member.kind == .string) .characters else .nothing,
            .listed_item, .single_item => self.item = .{},
            .grounding => self.is_grounded = true,
            .grounding_query => {
                self.is_grounded = true;
                self.grounding_queries += 1;
            },
        }
        return .nothing;
    }

    fn beginCount(self: *Document, counter: paths.Counter) json.Keep {
        self.counter = counter;
        return .count;
    }

    fn beginFact(self: *Document, index: u8) json.Keep {
        const fact = paths.facts[index];
        if (index == 0) self.usage_is_object = self.kind == .object;
        if (self.kind == .object and fact.name == .@"error") self.beginError(&self.has_error, .@"error.type", .@"error.status");
        if (self.kind == .object and fact.name == .response_error) self.beginError(&self.has_response_error, .@"response_error.type", .@"response_error.status");
        if (!isReport(fact.name)) self.drop(index);
        return switch (self.kind) {
            .string => .characters,
            .object, .array => if (fact.shape == .whole) .bytes else .nothing,
            .number => if (fact.shape == .scalar) .bytes else .nothing,
            else => .nothing,
        };
    }

    fn drop(self: *Document, index: usize) void {
        self.found[index].is_present = false;
    }

    /// Begins an error. If an error occurs twice, the last one counts.
    fn beginError(self: *Document, has_error: *bool, first: Name, last: Name) void {
        has_error.* = true;
        for (paths.facts, 0..) |fact, index| {
            if (@backingInt(fact.name) >= @backingInt(first) and @backingInt(fact.name) <= @backingInt(last)) self.drop(index);
        }
    }

    pub fn ends(self: *Document, value: json.Value) json.Failure!void {
        switch (paths.roleOf(self.nodes[value.depth])) {
            .fact => |index| if (value.text) |text| {
                try self.endFact(index, text);
            } else if (self.kind == .object and isReport(paths.facts[index].name)) {
                // It is larger than any report. Settlement flags the call.
                try self.endFact(index, too_long);
            },
            .event_type => if (value.text) |text| self.noteEvent(text),
            .item_type => if (value.text) |text| self.item.setKind(text),
            .item_action => if (value.text) |text| self.item.setAction(text),
            .listed_item => self.listed_tools.add(self.item),
            .single_item => self.finished_tools.add(self.item),
            .stored => |kind| if (value.text) |text| try self.stored_ids.add(self.allocator, kind, text),
            .ending => if (value.text) |text| {
                self.ending = self.ending.worseOf(.of(text));
            },
            else => {},
        }
    }

    fn endFact(self: *Document, index: u8, text: []const u8) error{OutOfMemory}!void {
        const fact = paths.facts[index];
        if (self.kind == .number and !isNumber(text)) return;
        const shown = if (fact.shape == .whole) text else cutText(text);
        const found = &self.found[index];
        if (isReport(fact.name) and found.is_present and found.countsMore(counts.sumOf(shown))) return;
        try found.set(self.allocator, shown, self.kind == .number, isReport(fact.name));
        self.found_any.set(index);
    }

    fn noteEvent(self: *Document, kind: []const u8) void {
        self.event = if (std.mem.endsWith(u8, kind, "audio.delta"))
            .audio_delta
        else if (std.mem.eql(u8, kind, "response.output_item.done") or std.mem.eql(u8, kind, "content_block_start"))
            .item_done
        else if (std.mem.eql(u8, kind, "error")) .failed else .named;
    }

    /// Returns whether this event has only usage: no choices, and no error.
    pub fn isUsageChunk(self: *const Document) bool {
        return self.choices != .other and self.usage_is_object and !self.has_error and !self.isNamed(.@"error");
    }

    /// Returns whether the rest of the document may still make it a usage chunk.
    pub fn mayBeUsageChunk(self: *const Document) bool {
        return self.choices != .other;
    }

    /// Adds what was found to `facts`. Returns whether the document carried text.
    pub fn addTo(self: *const Document, facts: *Facts) error{OutOfMemory}!bool {
        var is_covering = false;
        var indexes = self.found_any.iterator(.{});
        while (indexes.next()) |index| {
            const fact = &self.found[index];
            if (!fact.is_present) continue;
            const name = paths.facts[index].name;
            const is_set = try facts.set(name, fact.text.items, fact.is_bare);
            is_covering = is_covering or (is_set and isTotal(name));
        }
        const has_error = self.has_error or self.event == .failed;
        if (has_error and !self.isNamed(.@"error")) try facts.setTrue(.@"error.present");
        if (self.has_response_error and !self.isNamed(.response_error)) try facts.setTrue(.@"response_error.present");
        facts.is_grounded = facts.is_grounded or self.is_grounded;
        facts.grounding_queries = @max(facts.grounding_queries, self.grounding_queries);
        facts.listed_tools = .greatest(facts.listed_tools, self.listed_tools);
        if (self.stored_ids.count > 0) try facts.stored_ids.addAll(facts.allocator, &self.stored_ids);
        if (self.event == .item_done) facts.finished_tools.addAll(self.finished_tools);
        facts.ending = facts.ending.worseOf(if (self.counted.get(.refusal) > 0) .refused else self.ending);
        const bytes = self.deliveredBytes();
        facts.delivered_bytes += bytes;
        if (is_covering) facts.covered_bytes = facts.delivered_bytes;
        return bytes > 0;
    }

    fn deliveredBytes(self: *const Document) usize {
        const reasoning = @max(self.counted.get(.reasoning), self.counted.get(.reasoning_content));
        const delta = if (self.event == .audio_delta) 0 else self.counted.get(.event_delta);
        // The last event of a transcript repeats its deltas.
        const transcript = if (self.event == .other) self.counted.get(.transcript) else 0;
        return self.counted.get(.text) + self.counted.get(.refusal) + reasoning + delta + transcript;
    }

    /// Returns whether the error has a text, a type, a code or a status.
    fn isNamed(self: *const Document, name: Name) bool {
        for (paths.facts, &self.found) |fact, *found| {
            const offset = @as(isize, @backingInt(fact.name)) - @as(isize, @backingInt(name));
            if (found.is_present and offset >= 0 and offset < 4) return true;
        }
        return false;
    }
};

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
