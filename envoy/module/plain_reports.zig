//! Reads a usage report if it is plain: whole numbers that agree, of tokens of text at the standard service, and nothing
//! else that could cost something. Settlement reads such a report alike (`usage_service/provider_reports`). A report that
//! it might read in another way is not plain.

const std = @import("std");
const contract = @import("contract.zig");
const Counts = @import("quotes.zig").Counts;

/// Numbers of so many digits are below the greatest count of a report.
const digits_max = 12;
const depth_max = 4;
const report_bytes_max = 4_096;

/// The counts that decide a cost, whatever their names.
const Slot = enum { input, output, total, cached, cached_beside, hits, misses, written, reasoning, created, life_5m, life_1h };
const Found = struct {
    values: std.EnumArray(Slot, u64) = .initFill(0),
    present: std.EnumSet(Slot) = .empty,
    /// Also those that are null.
    seen: std.EnumSet(Slot) = .empty,

    fn of(self: *const Found, slot: Slot) u64 {
        return self.values.get(slot);
    }

    fn has(self: *const Found, slot: Slot) bool {
        return self.present.contains(slot);
    }
};

/// The objects of a report by what they contain.
const Object = enum { openai, openai_input, openai_output, openai_lives, anthropic, anthropic_output, lives, gemini, modality, other };
const Role = union(enum) {
    slot: Slot,
    object: Object,
    /// A list of counts by modality.
    modalities,
    modality,
    /// The name of a tier, a speed or a place.
    service,
    /// A part of another count that costs the same, and a name that changes nothing.
    part,
    remark,
    other,
};
const Roles = std.StaticStringMap(Role);

const services = .{
    .{ "service_tier", .service },
    .{ "serviceTier", .service },
    .{ "speed", .service },
    .{ "inference_geo", .service },
};
const roles = std.EnumArray(Object, Roles).init(.{
    .openai = .initComptime(services ++ .{
        .{ "prompt_tokens", Role{ .slot = .input } },
        .{ "input_tokens", Role{ .slot = .input } },
        .{ "completion_tokens", Role{ .slot = .output } },
        .{ "output_tokens", Role{ .slot = .output } },
        .{ "total_tokens", Role{ .slot = .total } },
        .{ "cached_tokens", Role{ .slot = .cached_beside } },
        .{ "prompt_cache_hit_tokens", Role{ .slot = .hits } },
        .{ "prompt_cache_miss_tokens", Role{ .slot = .misses } },
        .{ "prompt_tokens_details", Role{ .object = .openai_input } },
        .{ "input_tokens_details", Role{ .object = .openai_input } },
        .{ "input_token_details", Role{ .object = .openai_input } },
        .{ "completion_tokens_details", Role{ .object = .openai_output } },
        .{ "output_tokens_details", Role{ .object = .openai_output } },
        .{ "output_token_details", Role{ .object = .openai_output } },
    }),
    .openai_input = .initComptime(.{
        .{ "cached_tokens", Role{ .slot = .cached } },
        .{ "cache_write_tokens", Role{ .slot = .written } },
        .{ "cache_write_tokens_details", Role{ .object = .openai_lives } },
        .{ "text_tokens", .part },
    }),
    .openai_lives = .initComptime(.{
        .{ "ttl_30m_tokens", Role{ .slot = .life_5m } },
        .{ "ttl_12h_tokens", Role{ .slot = .life_1h } },
    }),
    .openai_output = .initComptime(.{
        .{ "reasoning_tokens", Role{ .slot = .reasoning } },
        .{ "text_tokens", .part },
        .{ "accepted_prediction_tokens", .part },
        .{ "rejected_prediction_tokens", .part },
    }),
    .anthropic = .initComptime(services ++ .{
        .{ "input_tokens", Role{ .slot = .input } },
        .{ "output_tokens", Role{ .slot = .output } },
        .{ "cache_read_input_tokens", Role{ .slot = .cached } },
        .{ "cache_creation_input_tokens", Role{ .slot = .created } },
        .{ "cache_creation", Role{ .object = .lives } },
        .{ "output_tokens_details", Role{ .object = .anthropic_output } },
    }),
    .anthropic_output = .initComptime(.{.{ "thinking_tokens", Role{ .slot = .reasoning } }}),
    .lives = .initComptime(.{
        .{ "ephemeral_5m_input_tokens", Role{ .slot = .life_5m } },
        .{ "ephemeral_1h_input_tokens", Role{ .slot = .life_1h } },
    }),
    .gemini = .initComptime(services ++ .{
        .{ "promptTokenCount", Role{ .slot = .input } },
        .{ "candidatesTokenCount", Role{ .slot = .output } },
        .{ "thoughtsTokenCount", Role{ .slot = .reasoning } },
        .{ "cachedContentTokenCount", Role{ .slot = .cached } },
        .{ "totalTokenCount", Role{ .slot = .total } },
        .{ "promptTokensDetails", .modalities },
        .{ "promptTokenDetails", .modalities },
        .{ "candidatesTokensDetails", .modalities },
        .{ "cacheTokensDetails", .modalities },
        .{ "trafficType", .remark },
    }),
    .modality = .initComptime(.{ .{ "modality", .modality }, .{ "tokenCount", .part } }),
    .other = .initComptime(.{}),
});
/// Modalities that cost what text costs.
const textual = [_][]const u8{ "TEXT", "DOCUMENT", "VIDEO" };

/// Returns the tokens of a plain report by category; null if the report is not plain.
pub fn countsOf(dialect: contract.Dialect, report: []const u8, has_text: bool) ?Counts {
    if (report.len > report_bytes_max) return null;
    for (report) |character| {
        // Names could be written in another way.
        if (character == '\\' or !std.ascii.isAscii(character)) return null;
    }
    var reader: Reader = .{ .text = report };
    reader.readObject(switch (dialect) {
        .openai => .openai,
        .anthropic => .anthropic,
        .gemini => .gemini,
    }, 1) catch return null;
    if (!reader.isAtEnd()) return null;
    const found = &reader.found;
    // An answer with text has output, and a call has input. Settlement estimates what a report of zeros leaves out.
    if (has_text and found.of(.output) + reasoningBeside(dialect, found) == 0) return null;
    const counts = switch (dialect) {
        .openai => openai(found, reader.objects.contains(.openai_lives)),
        .anthropic => anthropic(found),
        .gemini => gemini(found),
    } orelse return null;
    const input = counts.get(.input) + counts.get(.cache_read) + counts.get(.cache_write_5m) + counts.get(.cache_write_1h);
    return if (input > 0) counts else null;
}

fn reasoningBeside(dialect: contract.Dialect, found: *const Found) u64 {
    return if (dialect == .gemini) found.of(.reasoning) else 0;
}

/// Cached tokens and those written to a cache are inside the input, and reasoning is inside the output. Some servers
/// count it beside the output, and their total shows that.
fn openai(found: *const Found, has_lives: bool) ?Counts {
    const input = found.of(.input);
    const is_beside = found.has(.output) and found.has(.total) and found.of(.total) == input + found.of(.output) + found.of(.reasoning);
    const output = found.of(.output) + if (is_beside) found.of(.reasoning) else 0;
    // Embeddings have no output.
    if (!found.has(.input) or !(found.has(.output) or found.has(.total))) return null;
    if (found.has(.total) and found.of(.total) != input + output) return null;
    if (found.of(.hits) + found.of(.misses) > input) return null;
    const cached = @max(found.of(.cached), found.of(.cached_beside), found.of(.hits));
    const written, const reasoning = .{ found.of(.written), found.of(.reasoning) };
    const written_long = found.of(.life_1h);
    if (has_lives and found.of(.life_5m) + written_long != written) return null;
    if (cached + written > input or reasoning > output) return null;
    return .init(.{
        .input = input - cached - written,
        .cache_read = cached,
        .cache_write_5m = written - written_long,
        .cache_write_1h = written_long,
        .output = output - reasoning,
        .output_reasoning = reasoning,
    });
}

/// Cached tokens and those written to a cache are beside the input, and thinking is inside the output.
fn anthropic(found: *const Found) ?Counts {
    if (!found.has(.input) or !found.has(.output)) return null;
    const output, const thinking = .{ found.of(.output), found.of(.reasoning) };
    var life_5m, const life_1h = .{ found.of(.life_5m), found.of(.life_1h) };
    if (life_5m + life_1h == 0) life_5m = found.of(.created);
    if (thinking > output or life_5m + life_1h != found.of(.created)) return null;
    return .init(.{
        .input = found.of(.input),
        .cache_read = found.of(.cached),
        .cache_write_5m = life_5m,
        .cache_write_1h = life_1h,
        .output = output - thinking,
        .output_reasoning = thinking,
    });
}

/// Cached tokens are inside the prompt, and thoughts are beside the candidates. Zeros are left out.
fn gemini(found: *const Found) ?Counts {
    const prompt, const cached = .{ found.of(.input), found.of(.cached) };
    const sum = prompt + found.of(.output) + found.of(.reasoning);
    if (!found.has(.input) or cached > prompt) return null;
    if (found.has(.total) and found.of(.total) != sum) return null;
    return .init(.{
        .input = prompt - cached,
        .cache_read = cached,
        .cache_write_5m = 0,
        .cache_write_1h = 0,
        .output = found.of(.output),
        .output_reasoning = found.of(.reasoning),
    });
}

/// Returns whether a tier, a speed or a place is the standard one.
pub fn isStandard(name: []const u8) bool {
    for (contract.standard_names) |standard| if (std.ascii.eqlIgnoreCase(standard, name)) return true;
    return false;
}

const NotPlain = error{NotPlain};

/// Reads the JSON text of a report, whose structure has been checked before.
const Reader = struct {
    text: []const u8,
    index: usize = 0,
    found: Found = .{},
    objects: std.EnumSet(Object) = .empty,

    fn peek(self: *Reader) u8 {
        while (self.index < self.text.len and std.ascii.isWhitespace(self.text[self.index])) self.index += 1;
        return if (self.index < self.text.len) self.text[self.index] else 0;
    }

    fn isAtEnd(self: *Reader) bool {
        return self.peek() == 0 and self.index == self.text.len;
    }

    fn take(self: *Reader, character: u8) NotPlain!void {
        if (self.peek() != character) return error.NotPlain;
        self.index += 1;
    }

    fn readObject(self: *Reader, object: Object, depth: usize) NotPlain!void {
        if (depth > depth_max) return error.NotPlain;
        try self.take('{');
        if (self.peek() == '}') return self.take('}');
        while (true) {
            const key = try self.readString();
            try self.take(':');
            try self.readValue(roles.get(object).get(key) orelse .other, depth);
            if (self.peek() == '}') return self.take('}');
            try self.take(',');
        }
    }

    fn readValue(self: *Reader, role: Role, depth: usize) NotPlain!void {
        switch (self.peek()) {
            'n' => try self.readNull(role),
            '0'...'9' => try self.readCount(role),
            '"' => try self.checkName(role, try self.readString()),
            '{' => try self.readInner(role, depth),
            '[' => try self.readList(role, depth),
            else => return error.NotPlain,
        }
    }

    fn readNull(self: *Reader, role: Role) NotPlain!void {
        if (!std.mem.startsWith(u8, self.text[self.index..], "null")) return error.NotPlain;
        self.index += 4;
        switch (role) {
            .slot => |slot| try self.see(slot),
            .object => |object| try self.enter(object),
            else => {},
        }
    }

    fn readCount(self: *Reader, role: Role) NotPlain!void {
        const first = self.index;
        while (self.index < self.text.len and std.ascii.isDigit(self.text[self.index])) self.index += 1;
        const digits = self.text[first..self.index];
        if (digits.len > digits_max or (digits[0] == '0' and digits.len > 1)) return error.NotPlain;
        // A fraction or an exponent.
        if (self.index < self.text.len) switch (self.text[self.index]) {
            '.', 'e', 'E' => return error.NotPlain,
            else => {},
        };
        const count = std.fmt.parseInt(u64, digits, 10) catch return error.NotPlain;
        switch (role) {
            .slot => |slot| {
                try self.see(slot);
                self.found.values.set(slot, count);
                self.found.present.insert(slot);
            },
            .part => {},
            else => if (count != 0) return error.NotPlain,
        }
    }

    fn checkName(_: *Reader, role: Role, name: []const u8) NotPlain!void {
        const is_known = switch (role) {
            .service => isStandard(name),
            .remark => true,
            .modality => for (textual) |modality| {
                if (std.mem.eql(u8, modality, name)) break true;
            } else false,
            else => false,
        };
        if (!is_known) return error.NotPlain;
    }

    fn readInner(self: *Reader, role: Role, depth: usize) NotPlain!void {
        switch (role) {
            .object => |object| {
                try self.enter(object);
                try self.readObject(object, depth + 1);
            },
            .other => try self.readObject(.other, depth + 1),
            else => return error.NotPlain,
        }
    }

    fn readList(self: *Reader, role: Role, depth: usize) NotPlain!void {
        try self.take('[');
        if (self.peek() == ']') return self.take(']');
        if (role != .modalities) return error.NotPlain;
        while (true) {
            try self.readObject(.modality, depth + 1);
            if (self.peek() == ']') return self.take(']');
            try self.take(',');
        }
    }

    /// Notes a count. One that a report has twice is not plain.
    fn see(self: *Reader, slot: Slot) NotPlain!void {
        if (self.found.seen.contains(slot)) return error.NotPlain;
        self.found.seen.insert(slot);
    }

    fn enter(self: *Reader, object: Object) NotPlain!void {
        if (self.objects.contains(object)) return error.NotPlain;
        self.objects.insert(object);
    }

    fn readString(self: *Reader) NotPlain![]const u8 {
        try self.take('"');
        const end = std.mem.indexOfScalarPos(u8, self.text, self.index, '"') orelse return error.NotPlain;
        defer self.index = end + 1;
        return self.text[self.index..end];
    }
};
