//! Addresses of callers, as the limits on strangers count them.

const std = @import("std");

const text_bytes_max = 45;
const family_ip4 = 2;
const family_ip6 = 10;
const mapped_ip4 = [_]u8{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

extern "c" fn inet_pton(family: c_int, text: [*:0]const u8, address: *anyopaque) c_int;

/// A number for an address: the whole of an IPv4 address, or the first 64 bits of an IPv6 address, because one network
/// gives each of its members 2^64 of them. All texts that are no address share one number.
pub const Group = u64;

pub fn groupOf(text: []const u8) Group {
    var room: [text_bytes_max + 1]u8 = undefined;
    if (text.len > text_bytes_max) return 0;
    @memcpy(room[0..text.len], text);
    room[text.len] = 0;
    const zero_ended = room[0..text.len :0];
    var short: [4]u8 = undefined;
    if (inet_pton(family_ip4, zero_ended, &short) == 1) return std.mem.readInt(u32, &short, .big);
    var long: [16]u8 = undefined;
    if (inet_pton(family_ip6, zero_ended, &long) != 1) return 0;
    if (std.mem.startsWith(u8, &long, &mapped_ip4)) return std.mem.readInt(u32, long[12..16], .big);
    return std.mem.readInt(u64, long[0..8], .big);
}

/// Returns the address in `1.2.3.4:80` or `[::1]:80`. An address without a port stays as it is.
pub fn withoutPort(text: []const u8) []const u8 {
    const colon = std.mem.lastIndexOfScalar(u8, text, ':') orelse return text;
    if (text[0] == '[') return if (colon > 1 and text[colon - 1] == ']') text[1 .. colon - 1] else text;
    return if (std.mem.indexOfScalar(u8, text, ':') == colon) text[0..colon] else text;
}
