//! What an answer costs, if that is certain before settlement: a plain report of the model that was called, at the
//! standard service, and nothing else that could cost something.

const std = @import("std");
const contract = @import("contract.zig");
const plain_reports = @import("plain_reports.zig");
const usage = @import("usage.zig");
const Quote = @import("quotes.zig").Quote;

/// Returns the cost in nano-credits of a complete answer; null if it is not certain. `facts` must have been written.
pub fn costOf(quote: *const Quote, facts: *const usage.Facts) ?u64 {
    const report: contract.UsageFact = if (quote.dialect == .gemini) .usage_metadata else .usage;
    for (std.enums.values(contract.UsageFact)) |name| {
        if (!facts.facts.getPtrConst(name).is_present) continue;
        const is_harmless = switch (name) {
            .model => quote.isOf(textOf(facts, name)),
            .service_tier => plain_reports.isStandard(textOf(facts, name)),
            .tool_usage => isZero(textOf(facts, name)),
            .response_id, .delivered_bytes, .stored_ids, .ending => true,
            else => name == report,
        };
        if (!is_harmless) return null;
    }
    if (!facts.facts.getPtrConst(report).is_present) return null;
    const counts = plain_reports.countsOf(quote.dialect, textOf(facts, report), facts.delivered_bytes > 0) orelse return null;
    return quote.costOf(counts);
}

fn textOf(facts: *const usage.Facts, name: contract.UsageFact) []const u8 {
    return facts.facts.getPtrConst(name).text.items;
}

/// Returns whether no number in a report can be other than zero.
fn isZero(report: []const u8) bool {
    return std.mem.indexOfAny(u8, report, "123456789\\") == null;
}
