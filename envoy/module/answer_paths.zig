//! Where providers put what the gateway reads of an answer: a tree of paths, built when the module is compiled.
//!
//! A path names members by their keys and the elements of an array by `[]`. A document that is itself an array, as
//! Gemini streams without server-sent events, is read as a sequence of documents.

const std = @import("std");
const Name = @import("contract.zig").UsageFact;
const StoredKind = @import("stored_ids.zig").Kind;

/// Which counter of delivered text a place belongs to. Some servers send the same reasoning under two names, so each has
/// its own counter.
pub const Counter = enum { text, reasoning, reasoning_content, event_delta, transcript, refusal };

/// How much of a fact is kept: its whole value, the beginning of a string, or the beginning of a string or a number.
pub const Shape = enum { whole, string, scalar };

pub const Role = union(enum) {
    nothing,
    /// A fact for settlement: an index into `facts`.
    fact: u8,
    /// Text that the model wrote, and text or an object that it wrote as the arguments of a tool.
    text: Counter,
    arguments,
    choices,
    choice,
    event_type,
    /// One output item of the Responses API, in a list of all or alone, or one block of Anthropic's stream, and what it is.
    listed_item,
    single_item,
    item_type,
    item_action,
    /// Content of Gemini's grounding, and one query of it.
    grounding,
    grounding_query,
    /// Why the answer ended.
    ending,
    /// The id of something that the provider stores.
    stored: StoredKind,
};

pub const Fact = struct { path: []const u8, name: Name, shape: Shape = .whole };

/// Of several places for one name the last one that is present wins; of usage, the one with the greatest counts.
pub const facts = [_]Fact{
    .{ .path = "usage", .name = .usage },
    .{ .path = "choices[].usage", .name = .usage },
    .{ .path = "x_groq.usage", .name = .usage },
    .{ .path = "meta.billed_units", .name = .usage },
    .{ .path = "message.usage", .name = .start_usage },
    .{ .path = "response.usage", .name = .response_usage },
    .{ .path = "usageMetadata", .name = .usage_metadata },
    .{ .path = "usage_metadata", .name = .usage_metadata },
    .{ .path = "duration", .name = .duration, .shape = .scalar },
    .{ .path = "tool_usage", .name = .tool_usage },
    .{ .path = "response.tool_usage", .name = .tool_usage },
    .{ .path = "model", .name = .model },
    .{ .path = "response.model", .name = .model },
    .{ .path = "message.model", .name = .model },
    .{ .path = "modelVersion", .name = .model },
    .{ .path = "service_tier", .name = .service_tier },
    .{ .path = "serviceTier", .name = .service_tier },
    .{ .path = "response.service_tier", .name = .service_tier },
    .{ .path = "id", .name = .response_id },
    .{ .path = "response.id", .name = .response_id },
    .{ .path = "message.id", .name = .response_id },
    .{ .path = "responseId", .name = .response_id },
    .{ .path = "error", .name = .@"error", .shape = .string },
    .{ .path = "error.type", .name = .@"error.type", .shape = .scalar },
    .{ .path = "error.code", .name = .@"error.code", .shape = .scalar },
    .{ .path = "error.status", .name = .@"error.status", .shape = .scalar },
    .{ .path = "choices[].error", .name = .@"error", .shape = .string },
    .{ .path = "choices[].error.type", .name = .@"error.type", .shape = .scalar },
    .{ .path = "choices[].error.code", .name = .@"error.code", .shape = .scalar },
    .{ .path = "choices[].error.status", .name = .@"error.status", .shape = .scalar },
    .{ .path = "x_groq.error", .name = .@"error", .shape = .string },
    .{ .path = "response.error", .name = .response_error, .shape = .string },
    .{ .path = "response.error.type", .name = .@"response_error.type", .shape = .scalar },
    .{ .path = "response.error.code", .name = .@"response_error.code", .shape = .scalar },
    .{ .path = "response.error.status", .name = .@"response_error.status", .shape = .scalar },
};

const Place = struct { path: []const u8, role: Role };

fn stored(comptime kind: StoredKind) Role {
    return .{ .stored = kind };
}

const stored_places = [_]Place{
    .{ .path = "output[].id", .role = stored(.item) },
    .{ .path = "response.output[].id", .role = stored(.item) },
    .{ .path = "item.id", .role = stored(.item) },
    .{ .path = "output[].container_id", .role = stored(.container) },
    .{ .path = "response.output[].container_id", .role = stored(.container) },
    .{ .path = "item.container_id", .role = stored(.container) },
    .{ .path = "container.id", .role = stored(.container) },
    .{ .path = "message.container.id", .role = stored(.container) },
    .{ .path = "delta.container.id", .role = stored(.container) },
    .{ .path = "content[].content.content[].file_id", .role = stored(.file) },
    .{ .path = "content_block.content.content[].file_id", .role = stored(.file) },
    .{ .path = "choices[].message.audio.id", .role = stored(.audio) },
    .{ .path = "choices[].delta.audio.id", .role = stored(.audio) },
};
const text: Role = .{ .text = .text };

/// The text of one choice of Chat Completions, whole or a delta.
fn message(comptime root: []const u8) [10]Place {
    return .{
        .{ .path = root ++ ".content", .role = text },
        .{ .path = root ++ ".content[].text", .role = text },
        .{ .path = root ++ ".content[].thinking[].text", .role = text },
        .{ .path = root ++ ".reasoning_content", .role = .{ .text = .reasoning_content } },
        .{ .path = root ++ ".reasoning", .role = .{ .text = .reasoning } },
        .{ .path = root ++ ".refusal", .role = .{ .text = .refusal } },
        .{ .path = root ++ ".tool_calls[].function.arguments", .role = .arguments },
        .{ .path = root ++ ".tool_calls[].custom.input", .role = .arguments },
        .{ .path = root ++ ".function_call.arguments", .role = .arguments },
        .{ .path = root ++ ".audio.transcript", .role = text },
    };
}

const openai_places = message("choices[].delta") ++ message("choices[].message") ++ [_]Place{
    .{ .path = "choices", .role = .choices },
    .{ .path = "choices[]", .role = .choice },
    .{ .path = "choices[].text", .role = text },
    .{ .path = "type", .role = .event_type },
    .{ .path = "delta", .role = .{ .text = .event_delta } },
    .{ .path = "text", .role = .{ .text = .transcript } },
    .{ .path = "item", .role = .single_item },
    .{ .path = "item.type", .role = .item_type },
    .{ .path = "item.action.type", .role = .item_action },
    .{ .path = "response.output[]", .role = .listed_item },
    .{ .path = "response.output[].type", .role = .item_type },
    .{ .path = "response.output[].action.type", .role = .item_action },
    .{ .path = "output[]", .role = .listed_item },
    .{ .path = "output[].type", .role = .item_type },
    .{ .path = "output[].action.type", .role = .item_action },
    .{ .path = "output[].content[].text", .role = text },
    .{ .path = "output[].content[].refusal", .role = .{ .text = .refusal } },
    .{ .path = "output[].content[].transcript", .role = text },
    .{ .path = "output[].summary[].text", .role = text },
    .{ .path = "output[].arguments", .role = .arguments },
    .{ .path = "output[].input", .role = .arguments },
    .{ .path = "output[].code", .role = text },
};

const anthropic_places = [_]Place{
    .{ .path = "delta.text", .role = text },
    .{ .path = "delta.thinking", .role = text },
    .{ .path = "delta.partial_json", .role = text },
    .{ .path = "content_block", .role = .single_item },
    .{ .path = "content_block.type", .role = .item_type },
    .{ .path = "content_block.content.type", .role = .item_action },
    .{ .path = "content_block.text", .role = text },
    .{ .path = "content_block.thinking", .role = text },
    .{ .path = "content[].text", .role = text },
    .{ .path = "content[].thinking", .role = text },
    .{ .path = "content[].input", .role = .arguments },
};

const gemini_places = [_]Place{
    .{ .path = "candidates[].content.parts[].text", .role = text },
    .{ .path = "candidates[].content.parts[].functionCall.args", .role = .arguments },
    .{ .path = "candidates[].content.parts[].executableCode.code", .role = text },
    .{ .path = "candidates[].groundingMetadata.webSearchQueries[]", .role = .grounding_query },
    .{ .path = "candidates[].groundingMetadata.groundingChunks[]", .role = .grounding },
    .{ .path = "candidates[].groundingMetadata.groundingSupports[]", .role = .grounding },
    .{ .path = "candidates[].groundingMetadata.searchEntryPoint", .role = .grounding },
};

const ending_places = [_]Place{
    .{ .path = "choices[].finish_reason", .role = .ending },
    .{ .path = "incomplete_details.reason", .role = .ending },
    .{ .path = "response.incomplete_details.reason", .role = .ending },
    .{ .path = "stop_reason", .role = .ending },
    .{ .path = "delta.stop_reason", .role = .ending },
    .{ .path = "candidates[].finishReason", .role = .ending },
    .{ .path = "promptFeedback.blockReason", .role = .ending },
};

/// No place is deeper, even inside an array of documents.
pub const depth_max = 10;

pub const Node = u8;
/// Leads nowhere.
pub const none: Node = 0;
pub const document: Node = 1;
/// An array of documents.
pub const documents: Node = 2;

const Branch = struct { key: []const u8 = "", role: Role = .nothing, child: Node = none, sibling: Node = none, element: Node = none };

/// The members of a node, as a range of `members`. Most keys are found or refused by their signatures alone.
const Members = struct { first: u8 = 0, last: u8 = 0 };

fn signatureOf(key: []const u8) u16 {
    if (key.len == 0) return 0;
    return @as(u16, @truncate(key.len)) << 8 | (key[0] ^ (key[key.len - 1] *% 3));
}

const Tree = struct {
    branches: [200]Branch = @splat(.{}),
    count: usize = 3,

    fn add(self: *Tree, path: []const u8, role: Role) void {
        var node: usize = document;
        var parts = std.mem.splitScalar(u8, path, '.');
        while (parts.next()) |part| {
            const is_array = std.mem.endsWith(u8, part, "[]");
            node = self.childOf(node, if (is_array) part[0 .. part.len - 2] else part);
            if (is_array) node = self.elementOf(node);
        }
        self.branches[node].role = role;
    }

    fn childOf(self: *Tree, node: usize, key: []const u8) usize {
        var last: usize = none;
        var child: usize = self.branches[node].child;
        while (child != none) : (child = self.branches[child].sibling) {
            if (std.mem.eql(u8, self.branches[child].key, key)) return child;
            last = child;
        }
        const created = self.create(key);
        if (last == none) self.branches[node].child = created else self.branches[last].sibling = created;
        return created;
    }

    fn elementOf(self: *Tree, node: usize) usize {
        if (self.branches[node].element == none) self.branches[node].element = self.create("");
        return self.branches[node].element;
    }

    fn create(self: *Tree, key: []const u8) Node {
        self.branches[self.count].key = key;
        self.count += 1;
        return self.count - 1;
    }
};

const tree = built: {
    @setEvalBranchQuota(200_000);
    var built: Tree = .{};
    built.branches[documents].element = document;
    for (facts, 0..) |fact, index| built.add(fact.path, .{ .fact = index });
    for (openai_places ++ anthropic_places ++ gemini_places ++ stored_places ++ ending_places) |place| built.add(place.path, place.role);
    break :built built.branches[0..built.count].*;
};

pub fn roleOf(node: Node) Role {
    return tree[node].role;
}

pub fn elementOf(node: Node) Node {
    return tree[node].element;
}

const Index = struct {
    ranges: [tree.len]Members = @splat(.{}),
    nodes: [tree.len]Node = @splat(none),
    signatures: [tree.len]u16 = @splat(0),
};

fn indexed() Index {
    @setEvalBranchQuota(20_000);
    var index: Index = .{};
    var count: u8 = 0;
    for (&tree, 0..) |*branch, node| {
        index.ranges[node].first = count;
        var child = branch.child;
        while (child != none) : (child = tree[child].sibling) {
            index.nodes[count] = child;
            index.signatures[count] = signatureOf(tree[child].key);
            count += 1;
        }
        index.ranges[node].last = count;
    }
    return index;
}

const members: Index = indexed();

pub fn memberOf(node: Node, key: []const u8) Node {
    const signature = signatureOf(key);
    const range = members.ranges[node];
    for (members.signatures[range.first..range.last], range.first..) |known, index| {
        if (known == signature and std.mem.eql(u8, tree[members.nodes[index]].key, key)) return members.nodes[index];
    }
    return none;
}
