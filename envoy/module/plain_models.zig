//! Names that lately turned out to be models of the catalog and not virtual ones, as keyed hashes. The memory never grows: a name
//! replaces another that has the same place.

const std = @import("std");

const Hash = std.crypto.auth.siphash.SipHash64(1, 3);
const places = 4_096;

pub const PlainModels = struct {
    secret: [Hash.key_length]u8,
    hashes: [places]u64 = @splat(0),

    pub fn has(self: *const PlainModels, name: []const u8) bool {
        const hash = self.hashOf(name);
        return self.hashes[hash % places] == hash;
    }

    pub fn set(self: *PlainModels, name: []const u8, is_plain: bool) void {
        const hash = self.hashOf(name);
        const place = &self.hashes[hash % places];
        if (is_plain) {
            place.* = hash;
        } else if (place.* == hash) place.* = 0;
    }

    /// 0 stands for no name.
    fn hashOf(self: *const PlainModels, name: []const u8) u64 {
        return @max(1, Hash.toInt(name, &self.secret));
    }
};
