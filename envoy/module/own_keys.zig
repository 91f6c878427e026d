//! The keys that organizations have at providers themselves. authz_service decides by their ids which of them a call carries. A
//! file with such a key never changes, because every new key has another id. So what was read once is true as long as it is kept.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const credentials = @import("credentials.zig");

const allocator = std.heap.c_allocator;

/// In place of an id: the attempt carries the gateway's credential.
const none = "-";
const id_bytes_max = 64;
/// How many each worker keeps in memory.
const kept = 512;

/// Returns the id of the key of an attempt, from 0; null if the attempt carries the gateway's credential.
pub fn idOf(ids: []const u8, attempt: usize) ?[]const u8 {
    var words = std.mem.splitScalar(u8, ids, ' ');
    var index: usize = 0;
    while (words.next()) |word| : (index += 1) {
        if (index == attempt) return if (word.len == 0 or std.mem.eql(u8, word, none)) null else word;
    }
    return null;
}

/// The content of a file: a line with the organization, and the key.
const File = struct {
    organization: []const u8,
    secret: []const u8,

    fn of(text: []const u8) ?File {
        const end = std.mem.indexOfScalar(u8, text, '\n') orelse return null;
        if (end == 0 or end + 1 == text.len) return null;
        return .{ .organization = text[0..end], .secret = text[end + 1 ..] };
    }
};

const Entry = struct { id: []const u8, text: []const u8 };

/// Each worker has its own, so that reading it needs no lock.
threadlocal var memory: [kept]?Entry = @splat(null);

/// Returns the key with this id if it is one of the organization. It is valid until the next key is found.
pub fn find(folder: []const u8, id: []const u8, organization: []const u8) error{ OutOfMemory, Unreadable }![]const u8 {
    const place = &memory[std.hash.Wyhash.hash(0, id) % kept];
    const entry = if (place.*) |known| known else Entry{ .id = "", .text = "" };
    const text = if (std.mem.eql(u8, entry.id, id)) entry.text else try keep(place, folder, id);
    const file = File.of(text) orelse return error.Unreadable;
    if (!std.mem.eql(u8, file.organization, organization)) return error.Unreadable;
    return file.secret;
}

fn keep(place: *?Entry, folder: []const u8, id: []const u8) error{ OutOfMemory, Unreadable }![]const u8 {
    if (folder.len == 0 or !isId(id)) return error.Unreadable;
    const path = try std.fmt.allocPrint(allocator, "{s}/{s}", .{ folder, id });
    defer allocator.free(path);
    const text = try credentials.readFile(path);
    errdefer allocator.free(text);
    const name = try allocator.dupe(u8, id);
    if (place.*) |former| {
        allocator.free(former.id);
        allocator.free(former.text);
    }
    place.* = .{ .id = name, .text = text };
    return text;
}

/// Ids are names of files, and lead nowhere else.
fn isId(text: []const u8) bool {
    if (text.len == 0 or text.len > id_bytes_max) return false;
    for (text) |character| switch (character) {
        'a'...'z', '0'...'9', '-' => {},
        else => return false,
    };
    return true;
}

/// Returns the key of an attempt of a call; null if it carries the gateway's credential.
pub fn ofAttempt(stream: envoy.Stream, folder: []const u8, attempt: usize) error{ OutOfMemory, Unreadable }!?[]const u8 {
    const ids = envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.own_keys)) orelse return null;
    const id = idOf(ids, attempt) orelse return null;
    const organization = envoy.metadataText(stream, contract.decision_namespace, @tagName(contract.DecisionKey.organization)) orelse return error.Unreadable;
    return try find(folder, id, organization);
}
