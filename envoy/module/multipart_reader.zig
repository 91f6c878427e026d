//! A strict reader of `multipart/form-data` (RFC 7578) that takes a body in pieces and keeps none of its content.
//!
//! It accepts only what every reader of a provider reads alike: lines that end with CR LF, headers without continuation,
//! one quoted name a part, nothing before the first boundary, and no boundary anywhere but at the start of a line.
//! Its time is linear, its memory is constant, and the result does not depend on how the body is cut.
//!
//! A visitor receives the parts in order. Each function returns why the form is refused, or null:
//!   `begins(part)`     a part's content begins
//!   `content(bytes)`   the next bytes of it
//!   `ends(last)`       it has ended; `last` is the offset one past it in the whole body

const std = @import("std");
const contract = @import("contract.zig");
const Fault = contract.FormFault;

pub const Failure = error{Refused};

/// The longest boundary of RFC 2046, section 5.1.1.
pub const boundary_bytes_max = 70;
/// All headers of a part together.
pub const header_bytes_max = 4096;
pub const name_bytes_max = 128;

const delimiter_start = "\r\n--";
const needle_bytes_max = delimiter_start.len + boundary_bytes_max;

pub const Part = struct {
    /// Valid until the next part begins.
    name: []const u8,
    is_file: bool,
    /// The offset of its content in the whole body.
    first: usize,
};

/// Returns whether a content type names a form.
pub fn isForm(content_type: []const u8) bool {
    if (!std.ascii.startsWithIgnoreCase(content_type, contract.form_type)) return false;
    const rest = std.mem.trimStart(u8, content_type[contract.form_type.len..], " \t");
    return rest.len == 0 or rest[0] == ';';
}

/// Returns the boundary that the content type of a form names; null if it names none, two, or one that readers differ on.
pub fn boundaryOf(content_type: []const u8) ?[]const u8 {
    var parameters: Parameters = .{ .rest = content_type[contract.form_type.len..] };
    var found: ?[]const u8 = null;
    while (parameters.next() catch return null) |parameter| {
        if (!std.ascii.eqlIgnoreCase(parameter.name, "boundary")) continue;
        if (found != null) return null;
        found = parameter.value;
    }
    const boundary = found orelse return null;
    if (boundary.len == 0 or boundary.len > boundary_bytes_max or boundary[boundary.len - 1] == ' ') return null;
    for (boundary) |character| if (!isOfBoundary(character)) return null;
    return boundary;
}

fn isOfBoundary(character: u8) bool {
    return std.ascii.isAlphanumeric(character) or std.mem.findScalar(u8, "'()+_,-./:=? ", character) != null;
}

const Parameter = struct { name: []const u8, value: []const u8, is_quoted: bool };

/// The parameters of a header after its first value: `; name=value; name="value"`.
const Parameters = struct {
    rest: []const u8,

    fn next(self: *Parameters) Failure!?Parameter {
        self.rest = trimmed(self.rest);
        if (self.rest.len == 0) return null;
        if (self.rest[0] != ';') return error.Refused;
        const text = trimmed(self.rest[1..]);
        const middle = std.mem.findScalar(u8, text, '=') orelse return error.Refused;
        const name = text[0..middle];
        if (!isToken(name)) return error.Refused;
        const value = text[middle + 1 ..];
        return if (value.len > 0 and value[0] == '"') try self.quoted(name, value[1..]) else try self.plain(name, value);
    }

    /// A backslash before a quote is an escape for some readers, and the end of the value for others.
    fn quoted(self: *Parameters, name: []const u8, text: []const u8) Failure!Parameter {
        const end = std.mem.findScalar(u8, text, '"') orelse return error.Refused;
        if (end > 0 and text[end - 1] == '\\') return error.Refused;
        self.rest = text[end + 1 ..];
        return .{ .name = name, .value = text[0..end], .is_quoted = true };
    }

    fn plain(self: *Parameters, name: []const u8, text: []const u8) Failure!Parameter {
        var end: usize = 0;
        while (end < text.len and text[end] != ';' and text[end] != ' ' and text[end] != '\t') end += 1;
        if (std.mem.findScalar(u8, text[0..end], '"') != null) return error.Refused;
        self.rest = text[end..];
        return .{ .name = name, .value = text[0..end], .is_quoted = false };
    }
};

fn trimmed(text: []const u8) []const u8 {
    return std.mem.trim(u8, text, " \t");
}

fn isToken(text: []const u8) bool {
    for (text) |character| {
        if (!std.ascii.isAlphanumeric(character) and std.mem.findScalar(u8, "!#$&'*+-.^_`|~%", character) == null) return false;
    }
    return text.len > 0;
}

/// A text to find without ever looking back (Knuth, Morris and Pratt).
const Needle = struct {
    bytes: [needle_bytes_max]u8 = undefined,
    /// By the last matching byte: how many bytes still match if the next one does not.
    shorter: [needle_bytes_max]u8 = undefined,
    length: usize = 0,

    fn of(parts: []const []const u8) Needle {
        var needle: Needle = .{};
        for (parts) |part| {
            @memcpy(needle.bytes[needle.length..][0..part.len], part);
            needle.length += part.len;
        }
        needle.shorter[0] = 0;
        for (1..needle.length) |index| needle.shorter[index] = @intCast(needle.step(needle.shorter[index - 1], needle.bytes[index]));
        return needle;
    }

    /// Returns how many bytes match after `byte`, if `matched` bytes matched before it.
    fn step(self: *const Needle, matched: usize, byte: u8) usize {
        var count = matched;
        while (self.bytes[count] != byte) {
            if (count == 0) return 0;
            count = self.shorter[count - 1];
        }
        return count + 1;
    }
};

const State = enum { opening, after_boundary, header, content, closed };

pub fn Reader(comptime Visitor: type) type {
    return struct {
        const Self = @This();

        visitor: Visitor,
        state: State = .opening,
        fault: ?Fault = null,
        /// What separates parts, and its end without the line end, which must occur nowhere else.
        delimiter: Needle,
        dashes: Needle,
        /// How many bytes of each have matched.
        delimiter_matched: usize = 0,
        dashes_matched: usize = 0,
        /// The offset of the current piece in the whole body.
        offset: usize = 0,

        /// Bytes after a boundary or after the end: `\r\n` or `--`.
        tail: [2]u8 = undefined,
        tail_length: usize = 0,

        /// All headers of the part so far, and where the current line begins in them.
        headers: [header_bytes_max]u8 = undefined,
        headers_length: usize = 0,
        line_first: usize = 0,
        name: [name_bytes_max]u8 = undefined,
        name_length: ?usize = null,
        is_file: bool = false,

        /// `boundary` is what `boundaryOf` returned.
        pub fn init(boundary: []const u8, visitor: Visitor) Self {
            return .{
                .visitor = visitor,
                .delimiter = .of(&.{ delimiter_start, boundary }),
                .dashes = .of(&.{ "--", boundary }),
            };
        }

        /// Reads the next piece.
        pub fn push(self: *Self, bytes: []const u8) Failure!void {
            var index: usize = 0;
            while (index < bytes.len) {
                index = switch (self.state) {
                    .opening => try self.readOpening(bytes, index),
                    .after_boundary => try self.readTail(bytes, index),
                    .header => try self.readHeader(bytes, index),
                    .content => try self.readContent(bytes, index),
                    .closed => try self.readEnd(bytes, index),
                };
            }
            self.offset += bytes.len;
        }

        /// Handles the end of the body.
        pub fn finish(self: *Self) Failure!void {
            if (self.state != .closed or self.tail_length == 1) return self.refuse(.truncated_form);
        }

        pub fn refuse(self: *Self, fault: Fault) Failure {
            if (self.fault == null) self.fault = fault;
            return error.Refused;
        }

        fn readOpening(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            if (bytes[index] != self.dashes.bytes[self.dashes_matched]) return self.refuse(.malformed_form);
            self.dashes_matched += 1;
            if (self.dashes_matched == self.dashes.length) self.state = .after_boundary;
            return index + 1;
        }

        fn readTail(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            self.tail[self.tail_length] = bytes[index];
            self.tail_length += 1;
            if (self.tail_length < self.tail.len) return index + 1;
            self.tail_length = 0;
            if (std.mem.eql(u8, &self.tail, "\r\n")) {
                self.state = .header;
                self.headers_length = 0;
                self.line_first = 0;
                self.name_length = null;
                self.is_file = false;
            } else if (std.mem.eql(u8, &self.tail, "--")) {
                self.state = .closed;
            } else return self.refuse(.malformed_form);
            return index + 1;
        }

        /// After the last boundary only a line end may follow.
        fn readEnd(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            if (self.tail_length == 2 or bytes[index] != "\r\n"[self.tail_length]) return self.refuse(.malformed_form);
            self.tail_length += 1;
            return index + 1;
        }

        fn readHeader(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            const end = std.mem.findScalarPos(u8, bytes, from, '\n') orelse bytes.len;
            const last = @min(end + 1, bytes.len);
            if (self.headers_length + last - from > header_bytes_max) return self.refuse(.long_part_header);
            @memcpy(self.headers[self.headers_length..][0 .. last - from], bytes[from..last]);
            self.headers_length += last - from;
            if (end == bytes.len) return last;
            const line = self.headers[self.line_first..self.headers_length];
            self.line_first = self.headers_length;
            if (!std.mem.endsWith(u8, line, "\r\n")) return self.refuse(.malformed_form);
            if (line.len > 2) {
                try self.takeHeader(line[0 .. line.len - 2]);
                return last;
            }
            const name_length = self.name_length orelse return self.refuse(.unnamed_part);
            self.state = .content;
            self.delimiter_matched = 0;
            self.dashes_matched = 0;
            try self.visit(self.visitor.begins(.{ .name = self.name[0..name_length], .is_file = self.is_file, .first = self.offset + last }));
            return last;
        }

        fn visit(self: *Self, fault: ?Fault) Failure!void {
            if (fault) |known| return self.refuse(known);
        }

        fn takeHeader(self: *Self, line: []const u8) Failure!void {
            for (line) |character| if (std.ascii.isControl(character) and character != '\t') return self.refuse(.malformed_form);
            if (std.mem.startsWith(u8, line, self.dashes.bytes[0..self.dashes.length])) return self.refuse(.malformed_form);
            const middle = std.mem.findScalar(u8, line, ':') orelse return self.refuse(.malformed_form);
            if (!isToken(line[0..middle])) return self.refuse(.malformed_form);
            const value = trimmed(line[middle + 1 ..]);
            if (std.ascii.eqlIgnoreCase(line[0..middle], "content-disposition")) return self.takeDisposition(value);
            if (!std.ascii.eqlIgnoreCase(line[0..middle], "content-transfer-encoding")) return;
            for ([_][]const u8{ "binary", "8bit", "7bit" }) |plain| if (std.ascii.eqlIgnoreCase(value, plain)) return;
            return self.refuse(.encoded_part);
        }

        fn takeDisposition(self: *Self, value: []const u8) Failure!void {
            const form_data = "form-data";
            if (self.name_length != null) return self.refuse(.ambiguous_part);
            if (!std.ascii.startsWithIgnoreCase(value, form_data)) return self.refuse(.malformed_form);
            var parameters: Parameters = .{ .rest = value[form_data.len..] };
            var has_filename = false;
            var has_extended_filename = false;
            while (parameters.next() catch return self.refuse(.ambiguous_part)) |parameter| {
                if (std.ascii.eqlIgnoreCase(parameter.name, "name")) {
                    try self.takeName(parameter);
                } else if (std.ascii.eqlIgnoreCase(parameter.name, "filename")) {
                    if (has_filename) return self.refuse(.ambiguous_part);
                    has_filename = true;
                } else if (std.ascii.eqlIgnoreCase(parameter.name, "filename*")) {
                    if (has_extended_filename) return self.refuse(.ambiguous_part);
                    has_extended_filename = true;
                } else if (std.mem.findScalar(u8, parameter.name, '*') != null) return self.refuse(.ambiguous_part);
            }
            self.is_file = has_filename or has_extended_filename;
            if (self.name_length == null) return self.refuse(.unnamed_part);
        }

        /// Readers differ on escapes in names.
        fn takeName(self: *Self, parameter: Parameter) Failure!void {
            const name = parameter.value;
            if (self.name_length != null or !parameter.is_quoted) return self.refuse(.ambiguous_part);
            for (name) |character| if (character == '\\' or character == '%') return self.refuse(.ambiguous_part);
            if (name.len == 0) return self.refuse(.unnamed_part);
            if (name.len > name_bytes_max) return self.refuse(.long_part_header);
            @memcpy(self.name[0..name.len], name);
            self.name_length = name.len;
        }

        fn readContent(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            // Bytes that began the delimiter in earlier pieces, and are content if it does not continue.
            var held = self.delimiter_matched;
            var index = from;
            while (index < bytes.len) {
                if (self.delimiter_matched == 0 and self.dashes_matched == 0) {
                    index = candidateFrom(bytes, index);
                    if (index == bytes.len) break;
                }
                const matched = self.delimiter.step(self.delimiter_matched, bytes[index]);
                const resolved = self.delimiter_matched + 1 - matched;
                const from_held = @min(resolved, held);
                if (from_held > 0) try self.visit(self.visitor.content(self.delimiter.bytes[0..from_held]));
                held -= from_held;
                self.delimiter_matched = matched;
                self.dashes_matched = self.dashes.step(self.dashes_matched, bytes[index]);
                index += 1;
                if (matched == self.delimiter.length) {
                    try self.show(bytes, from, index - (matched - held));
                    try self.visit(self.visitor.ends(self.offset + index - matched));
                    self.state = .after_boundary;
                    return index;
                }
                if (self.dashes_matched == self.dashes.length) {
                    // The content before comes first, so that the fault does not depend on how the body is cut.
                    try self.show(bytes, from, index - (self.delimiter_matched - held));
                    return self.refuse(.malformed_form);
                }
            }
            try self.show(bytes, from, index - (self.delimiter_matched - held));
            return index;
        }

        fn show(self: *Self, bytes: []const u8, first: usize, last: usize) Failure!void {
            if (first < last) try self.visit(self.visitor.content(bytes[first..last]));
        }
    };
}

const lanes = 16;
const Lanes = @Vector(lanes, u8);

/// Returns the index of the first byte from `from` on that may begin a delimiter or its dashes, or the length.
fn candidateFrom(bytes: []const u8, from: usize) usize {
    var index = from;
    while (index + lanes <= bytes.len) : (index += lanes) {
        const block: Lanes = bytes[index..][0..lanes].*;
        const found = @as(u16, @bitCast(block == @as(Lanes, @splat('\r')))) | @as(u16, @bitCast(block == @as(Lanes, @splat('-'))));
        if (found != 0) return index + @ctz(found);
    }
    while (index < bytes.len and bytes[index] != '\r' and bytes[index] != '-') index += 1;
    return index;
}
