//! The prices of a call, as authz_service quotes them, and what an answer costs by them. `gateway_core/contract/quotes.py`
//! describes the text of a quote, and `gateway_core/model/money.py` the arithmetic.

const std = @import("std");
const contract = @import("contract.zig");
const dated_names = @import("dated_names.zig");

pub const Category = contract.QuotedCategory;
pub const Counts = std.EnumArray(Category, u64);
const Prices = std.EnumArray(Category, u64);

const tokens_per_price_unit = 1_000_000;
const nano_credits_per_credit = 1_000_000_000;
/// Digits of a price, and of the number of tokens above which a context is long.
const digits_max = 16;

/// Room for the digits of an amount, its point, and nine decimals.
pub const Room = [32]u8;

pub const Quote = struct {
    dialect: contract.Dialect,
    prices: Prices,
    long_context: ?struct { above_input_tokens: u64, prices: Prices },
    undated: []const u8,
    exceptions: []const u8,

    /// Reads a quote, whose names stay in `text`. Returns null for anything else.
    pub fn read(text: []const u8) ?Quote {
        if (text.len > contract.quote_bytes_max) return null;
        var fields = std.mem.splitScalar(u8, text, ';');
        const dialect = std.meta.stringToEnum(contract.Dialect, fields.first()) orelse return null;
        var prices = std.mem.splitScalar(u8, fields.next() orelse return null, ',');
        const long = fields.next() orelse return null;
        var quote: Quote = .{
            .dialect = dialect,
            .prices = readPrices(&prices) orelse return null,
            .long_context = null,
            .undated = fields.next() orelse return null,
            .exceptions = fields.next() orelse return null,
        };
        if (fields.next() != null) return null;
        if (long.len == 0) return quote;
        var values = std.mem.splitScalar(u8, long, ',');
        const above = numberOf(values.first()) orelse return null;
        quote.long_context = .{ .above_input_tokens = above, .prices = readPrices(&values) orelse return null };
        return quote;
    }

    /// Returns whether an answer with this name of a model comes from the model that was quoted.
    pub fn isOf(self: *const Quote, answered: []const u8) bool {
        var room: [dated_names.bytes_max]u8 = undefined;
        const name = dated_names.plain(answered, &room) orelse return false;
        return contains(self.undated, dated_names.undated(name)) and !contains(self.exceptions, name);
    }

    /// Returns what these tokens cost in nano-credits; null if no ledger could hold the amount.
    pub fn costOf(self: *const Quote, counts: Counts) ?u64 {
        const input = counts.get(.input) + counts.get(.cache_read) + counts.get(.cache_write_5m) + counts.get(.cache_write_1h);
        var prices = self.prices;
        if (self.long_context) |long| if (input > long.above_input_tokens) {
            prices = long.prices;
        };
        var sum: u128 = 0;
        for (counts.values, prices.values) |count, price| {
            sum += (@as(u128, count) * price + tokens_per_price_unit / 2) / tokens_per_price_unit;
        }
        return if (sum <= std.math.maxInt(i64)) @intCast(sum) else null;
    }
};

/// Writes an amount exactly, in credits with at least two decimals.
pub fn formatCredits(amount_nano_credits: u64, room: *Room) []const u8 {
    const whole = amount_nano_credits / nano_credits_per_credit;
    const text = std.fmt.bufPrint(room, "{d}.{d:0>9}", .{ whole, amount_nano_credits % nano_credits_per_credit }) catch unreachable;
    const shortest = text.len - 7;
    return text[0..@max(shortest, std.mem.trimEnd(u8, text, "0").len)];
}

fn readPrices(values: *std.mem.SplitIterator(u8, .scalar)) ?Prices {
    var prices: Prices = .initFill(0);
    for (&prices.values) |*price| price.* = numberOf(values.next() orelse return null) orelse return null;
    return if (values.next() == null) prices else null;
}

fn numberOf(text: []const u8) ?u64 {
    if (text.len == 0 or text.len > digits_max) return null;
    for (text) |digit| if (!std.ascii.isDigit(digit)) return null;
    return std.fmt.parseInt(u64, text, 10) catch null;
}

fn contains(names: []const u8, name: []const u8) bool {
    if (name.len == 0) return false;
    var each = std.mem.splitScalar(u8, names, ',');
    while (each.next()) |one| if (std.mem.eql(u8, one, name)) return true;
    return false;
}
