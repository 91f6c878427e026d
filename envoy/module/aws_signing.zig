//! Signs requests to AWS (Signature Version 4) with an own key of an organization. Envoy's own filter signs with one access key for
//! all. The signature covers the method, the path, the query, the host, the type of the content and the body as they leave. It does no
//! I/O.

const std = @import("std");

const Hmac = std.crypto.auth.hmac.sha2.HmacSha256;
pub const Hash = std.crypto.hash.sha2.Sha256;

/// What is asked of one place at AWS.
pub const Scope = struct { region: []const u8, service: []const u8, host: []const u8 };

/// An access key: `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, with `:SESSION_TOKEN` if it is temporary.
pub const AccessKey = struct {
    id: []const u8,
    secret: []const u8,
    token: ?[]const u8,

    pub fn of(text: []const u8) ?AccessKey {
        var words = std.mem.splitScalar(u8, text, ':');
        const key: AccessKey = .{ .id = words.first(), .secret = words.next() orelse return null, .token = words.next() };
        if (key.id.len == 0 or key.secret.len == 0 or words.next() != null) return null;
        return key;
    }
};

/// A moment as `20260131T235959Z`.
pub const Time = [16]u8;

pub fn timeOf(epoch_s: u64) Time {
    const moment: std.time.epoch.EpochSeconds = .{ .secs = epoch_s };
    const year_day = moment.getEpochDay().calculateYearDay();
    const month_day = year_day.calculateMonthDay();
    const day = moment.getDaySeconds();
    var text: Time = undefined;
    _ = std.fmt.bufPrint(&text, "{d:0>4}{d:0>2}{d:0>2}T{d:0>2}{d:0>2}{d:0>2}Z", .{
        year_day.year,         month_day.month.numeric(), month_day.day_index + 1,
        day.getHoursIntoDay(), day.getMinutesIntoHour(),  day.getSecondsIntoMinute(),
    }) catch unreachable;
    return text;
}

/// A digest in hexadecimal digits.
pub const Hex = [2 * Hash.digest_length]u8;

pub fn hexOf(digest: [Hash.digest_length]u8) Hex {
    return std.fmt.bytesToHex(digest, .lower);
}

pub const Request = struct {
    method: []const u8,
    /// The path, and the query if there is one.
    target: []const u8,
    /// The value of `content-type`, which Envoy sends as it is here; null if there is none.
    content_type: ?[]const u8,
    body: Hex,
    time: Time,
};

/// Returns the value of `authorization`. The request must carry `x-amz-content-sha256`, `x-amz-date` and, with a temporary key,
/// `x-amz-security-token`.
pub fn authorization(allocator: std.mem.Allocator, request: Request, key: AccessKey, scope: Scope) error{OutOfMemory}![]u8 {
    const names = try std.mem.concat(allocator, u8, &.{
        if (request.content_type == null) "" else "content-type;", "host;x-amz-content-sha256;x-amz-date",
        if (key.token == null) "" else ";x-amz-security-token",
    });
    defer allocator.free(names);
    var text: std.ArrayList(u8) = .empty;
    defer text.deinit(allocator);
    const end = std.mem.indexOfScalar(u8, request.target, '?') orelse request.target.len;
    try text.print(allocator, "{s}\n", .{request.method});
    try appendEncoded(allocator, &text, request.target[0..end]);
    try text.append(allocator, '\n');
    try appendSorted(allocator, &text, request.target[@min(end + 1, request.target.len)..]);
    try text.append(allocator, '\n');
    if (request.content_type) |value| {
        try text.appendSlice(allocator, "content-type:");
        try appendWords(allocator, &text, value);
        try text.append(allocator, '\n');
    }
    try text.print(allocator, "host:{s}\nx-amz-content-sha256:{s}\nx-amz-date:{s}\n", .{ scope.host, request.body, request.time });
    if (key.token) |token| try text.print(allocator, "x-amz-security-token:{s}\n", .{token});
    try text.print(allocator, "\n{s}\n{s}", .{ names, request.body });
    var digest: [Hash.digest_length]u8 = undefined;
    Hash.hash(text.items, &digest, .{});
    const day = request.time[0..8];
    text.clearRetainingCapacity();
    try text.print(allocator, "AWS4-HMAC-SHA256\n{s}\n{s}/{s}/{s}/aws4_request\n{s}", .{ request.time, day, scope.region, scope.service, hexOf(digest) });
    const signature = try signatureOf(allocator, key.secret, &.{ day, scope.region, scope.service, "aws4_request" }, text.items);
    return std.fmt.allocPrint(allocator, "AWS4-HMAC-SHA256 Credential={s}/{s}/{s}/{s}/aws4_request, SignedHeaders={s}, Signature={s}", .{
        key.id, day, scope.region, scope.service, names, signature,
    });
}

fn signatureOf(allocator: std.mem.Allocator, secret: []const u8, words: []const []const u8, text: []const u8) error{OutOfMemory}!Hex {
    const first = try std.mem.concat(allocator, u8, &.{ "AWS4", secret });
    defer allocator.free(first);
    var key: [Hmac.mac_length]u8 = undefined;
    Hmac.create(&key, words[0], first);
    for (words[1..]) |word| {
        const before = key;
        Hmac.create(&key, word, &before);
    }
    var signature: [Hmac.mac_length]u8 = undefined;
    Hmac.create(&signature, text, &key);
    return hexOf(signature);
}

/// Appends the words of a header's value with one space between them.
fn appendWords(allocator: std.mem.Allocator, text: *std.ArrayList(u8), value: []const u8) error{OutOfMemory}!void {
    var words = std.mem.tokenizeAny(u8, value, " \t");
    var is_first = true;
    while (words.next()) |word| : (is_first = false) {
        if (!is_first) try text.append(allocator, ' ');
        try text.appendSlice(allocator, word);
    }
}

/// Appends a path that is encoded already, encoded once more, as all services but S3 demand.
fn appendEncoded(allocator: std.mem.Allocator, text: *std.ArrayList(u8), path: []const u8) error{OutOfMemory}!void {
    for (path) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '-', '_', '.', '~', '/' => try text.append(allocator, byte),
        else => try text.print(allocator, "%{X:0>2}", .{byte}),
    };
}

/// Appends the parts of a query in their order, each with an equals sign.
fn appendSorted(allocator: std.mem.Allocator, text: *std.ArrayList(u8), query: []const u8) error{OutOfMemory}!void {
    if (query.len == 0) return;
    var parts: std.ArrayList([]const u8) = .empty;
    defer parts.deinit(allocator);
    var words = std.mem.splitScalar(u8, query, '&');
    while (words.next()) |word| try parts.append(allocator, word);
    std.mem.sort([]const u8, parts.items, {}, isBefore);
    for (parts.items, 0..) |part, index| {
        if (index > 0) try text.append(allocator, '&');
        try text.appendSlice(allocator, part);
        if (std.mem.indexOfScalar(u8, part, '=') == null) try text.append(allocator, '=');
    }
}

fn isBefore(_: void, one: []const u8, other: []const u8) bool {
    return std.mem.lessThan(u8, one, other);
}
