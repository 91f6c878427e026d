//! What a body asks for beyond its text: pictures and documents, stored things by their ids, tools that the provider
//! runs, and other models.

const std = @import("std");
const json = @import("json_reader.zig");
const hosted_tools = @import("hosted_tools.zig");
const media = @import("request_media.zig");
const Names = @import("request_names.zig");
const Context = Names.Context;
const Name = Names.Name;
const TextList = @import("text_list.zig").TextList;

/// Deep enough for a picture in a document in the result of a tool. What is deeper stays text.
pub const depth_max = 12;

/// The size of container that a tool runs in unless the body asks for another.
const least_memory = "1g";
/// The mode in which xAI's live search searches nothing.
const no_search = "off";
/// Google's API also reads the numbers of its enumeration of modalities.
const image_number = "2";
const audio_number = "3";

/// What the value that is being read does when it ends.
/// How the types of the edits begin that summarize: `compact_20260112` of Anthropic, `compaction` of OpenAI.
const compaction_prefix = "compact";

const Action = enum {
    nothing,
    media_type,
    form,
    data,
    image_url,
    document_url,
    file_uri,
    file_id,
    id,
    response,
    cached_content,
    conversation,
    container,
    tool_type,
    edit_type,
    skill,
    block_type,
    encrypted,
    model,
    modality,
    memory,
    search_mode,
    budget,
    query,
};

/// The kind of a reference: what the id of a named thing belongs to.
const Reference = enum { response, conversation, prompt, container, cached_content, audio, item, file };

pub const Content = struct {
    arena: std.mem.Allocator,
    contexts: [depth_max + 1]Context = @splat(.body),
    /// The depth of the members of the innermost object or array that was entered. The outermost one is the body.
    inside: usize = 1,
    action: Action = .nothing,

    totals: media.Totals = .{},
    carrier: media.Carrier = .{},
    reference: Reference = .file,
    is_image_block: [depth_max + 1]bool = @splat(false),
    has_remote_source: [depth_max + 1]bool = @splat(false),

    has_type: bool = false,
    has_role: bool = false,
    /// Whether the provider looks up the content of the item by its id.
    is_item_reference: bool = false,
    is_reasoning: bool = false,
    is_encrypted: bool = false,
    /// Whether the item also says that it has no encrypted content: readers differ on which of two members counts.
    is_bare: bool = false,
    /// Whether `mode` turns the live search off, and whether another `mode` beside it does not.
    is_search_off: bool = false,
    is_search_on: bool = false,
    item_id: ?[]const u8 = null,
    /// Objects of a tool without a type, which are Gemini's names of tools.
    untyped: TextList = .{},

    /// A client may name every item of a long conversation by its id.
    references: TextList = .{ .entries_max = 1024 },
    tools: TextList = .{},
    models: TextList = .{},
    prompts: usize = 0,
    inputs: usize = 0,
    ranked_documents: usize = 0,
    query_bytes: usize = 0,
    thinking_budget: f64 = 0,
    audio_output: bool = false,
    image_output: bool = false,
    has_cache_control: bool = false,
    has_tools: bool = false,
    has_compaction: bool = false,
    is_excessive: bool = false,

    pub fn begins(self: *Content, member: json.Member) json.Failure!json.Keep {
        const parent = self.contexts[member.depth];
        const name = Names.nameOf(member.key);
        self.action = .nothing;
        if (name == .cache_control and member.kind != .null) self.has_cache_control = true;
        if (member.key.len == 0) try self.beginsElement(parent, member.kind);
        if (parent == .live_search and member.kind != .string and isMode(member.key)) self.is_search_on = true;
        if (member.kind != .string and self.isItem(member.depth) and isEncryptedContent(member.key)) self.is_bare = true;
        switch (member.kind) {
            .object, .array => return if (self.enters(member.depth, try self.contextOf(parent, name, member))) .nothing else .skip,
            .string => self.action = self.actionOf(parent, name, member),
            .number => if (parent == .thinking and isBudget(name)) {
                self.action = .budget;
            } else if (parent == .modalities or (parent == .generation and isModalities(name))) {
                self.action = .modality;
            },
            else => {},
        }
        return switch (self.action) {
            .nothing, .data, .query => .nothing,
            .image_url, .document_url, .encrypted => .start,
            .budget => .bytes,
            .modality => if (member.kind == .number) .bytes else .characters,
            else => .characters,
        };
    }

    fn beginsElement(self: *Content, parent: Context, kind: json.Kind) json.Failure!void {
        const is_prompt = kind == .string or kind == .array or kind == .object;
        switch (parent) {
            .prompts => if (is_prompt or self.prompts == 0) {
                self.prompts += 1;
            },
            .inputs => if (is_prompt or self.inputs == 0) {
                self.inputs += 1;
            },
            .ranked => self.ranked_documents += 1,
            .mcp_servers => try self.list(&self.tools, "", "mcp_servers"),
            else => {},
        }
    }

    fn contextOf(self: *Content, parent: Context, name: Name, member: json.Member) json.Failure!Context {
        var context = Names.contextUnder(parent, name, member.key);
        switch (context) {
            .source, .inline_data, .input_audio => self.carrier = .{},
            .named => self.reference = referenceOf(name),
            .prompts => if (member.kind == .object) {
                context = .named;
                self.reference = .prompt;
            },
            else => {},
        }
        // Google reads a value as a list of one.
        if (parent == .body and name == .tools and member.kind == .object) context = .tool;
        if (context == .tool) self.has_tools = true;
        if (parent == .body and name == .web_search_options) try self.list(&self.tools, "", member.key);
        if (parent == .tool and member.kind == .object and isUntypedTool(context, name)) try self.list(&self.untyped, "", member.key);
        return context;
    }

    fn actionOf(self: *Content, parent: Context, name: Name, member: json.Member) Action {
        return switch (parent) {
            .body => self.actionInBody(name, member),
            .content => self.actionInContent(name, member),
            .source, .inline_data => actionInCarrier(parent, name),
            .input_audio => if (name == .data) .data else .nothing,
            .image_url => if (name == .url) .image_url else .nothing,
            .file => actionInFile(name),
            .file_uri => if (name == .fileUri or name == .file_uri) .file_uri else .nothing,
            .named => if (name == .id) .id else if (self.isMemory(member.key)) .memory else actionInOptions(name, member.key),
            .ids => .file_id,
            .models => if (member.key.len == 0) .model else actionInOptions(name, member.key),
            .modalities => .modality,
            .tool => self.actionInTool(name, member.key),
            .generation => if (isModalities(name)) .modality else actionInOptions(name, member.key),
            .live_search => if (isMode(member.key)) .search_mode else actionInOptions(name, member.key),
            .options, .ranked, .mcp_servers => actionInOptions(name, member.key),
            .edits => if (name == .type) .edit_type else .nothing,
            .plain, .tools, .prompts, .inputs, .thinking => .nothing,
        };
    }

    fn actionInBody(self: *Content, name: Name, member: json.Member) Action {
        switch (name) {
            .model => return .nothing,
            .prompt => self.prompts = @max(self.prompts, 1),
            .input => self.inputs = @max(self.inputs, 1),
            .query => return .query,
            .container => return .container,
            .modalities => return .modality,
            else => return actionInOptions(name, member.key),
        }
        return .nothing;
    }

    fn actionInContent(self: *Content, name: Name, member: json.Member) Action {
        const is_role = name == .other and std.mem.eql(u8, member.key, "role");
        if (is_role and self.isItem(member.depth)) self.has_role = true;
        if (self.isItem(member.depth) and isEncryptedContent(member.key)) return .encrypted;
        return switch (name) {
            .type => .block_type,
            .id => if (self.isItem(member.depth)) .id else .nothing,
            .image_url => .image_url,
            .file_url, .document_url, .file_data => .document_url,
            .file_id, .file_ids => .file_id,
            else => .nothing,
        };
    }

    fn actionInTool(self: *Content, name: Name, key: []const u8) Action {
        if (name == .type) {
            self.has_type = true;
            return .tool_type;
        }
        return if (name == .container) .container else actionInOptions(name, key);
    }

    /// Returns whether a member sizes the container that a tool runs in. A larger one costs more.
    fn isMemory(self: *const Content, key: []const u8) bool {
        return self.reference == .container and std.mem.eql(u8, key, "memory_limit");
    }

    /// Returns whether members at this depth belong to an item of the `input` of a response.
    fn isItem(self: *const Content, depth: usize) bool {
        return depth == 3 and self.contexts[2] == .inputs;
    }

    /// Returns whether the reader looks into the object or array that begins at `depth`.
    fn enters(self: *Content, depth: usize, context: Context) bool {
        if (context == .plain or depth == depth_max) return false;
        self.inside = depth + 1;
        self.contexts[self.inside] = context;
        self.is_image_block[self.inside] = false;
        self.has_remote_source[self.inside] = false;
        if (context == .tool) self.beginTool();
        if (self.isItem(self.inside)) self.beginItem();
        return true;
    }

    fn beginTool(self: *Content) void {
        self.has_type = false;
        self.untyped = .{};
    }

    fn beginItem(self: *Content) void {
        self.has_type = false;
        self.has_role = false;
        self.is_item_reference = false;
        self.is_reasoning = false;
        self.is_encrypted = false;
        self.is_bare = false;
        self.item_id = null;
    }

    pub fn ends(self: *Content, value: json.Value) json.Failure!void {
        if (value.depth < self.inside) return self.leave();
        const action = self.action;
        self.action = .nothing;
        if (action == .nothing) return;
        const bytes = value.last - value.first;
        if (action == .data) return self.carry(bytes);
        if (action == .query) {
            self.query_bytes = @max(self.query_bytes, bytes);
            return;
        }
        const text = value.text orelse {
            self.is_excessive = true;
            return;
        };
        switch (action) {
            .image_url => self.totals.addUrl(text, bytes, true),
            .document_url => self.totals.addUrl(text, bytes, false),
            .encrypted => if (text.len > 0) {
                self.is_encrypted = true;
            } else {
                self.is_bare = true;
            },
            .budget => self.thinking_budget = @max(self.thinking_budget, std.fmt.parseFloat(f64, text) catch 0),
            else => try self.take(action, text),
        }
    }

    fn carry(self: *Content, bytes: usize) json.Failure!void {
        if (self.contexts[self.inside] == .input_audio) return self.totals.add(.audio, bytes);
        self.carrier.setData(bytes);
    }

    fn take(self: *Content, action: Action, text: []const u8) json.Failure!void {
        switch (action) {
            .media_type => self.carrier.setMediaType(text),
            .form => self.carrier.setForm(text),
            .block_type => try self.takeType(text),
            .edit_type => if (std.mem.startsWith(u8, text, compaction_prefix)) {
                self.has_compaction = true;
            },
            .tool_type => if (!isOwnTool(text)) try self.list(&self.tools, "", text),
            .model => try self.list(&self.models, "", text),
            .modality => self.takeModality(text),
            .search_mode => if (std.mem.eql(u8, text, no_search)) {
                self.is_search_off = true;
            } else {
                self.is_search_on = true;
            },
            .memory => if (!std.mem.eql(u8, text, least_memory)) try self.list(&self.tools, "memory_limit", text),
            .file_uri => if (std.mem.find(u8, text, "/files/") != null or std.mem.find(u8, text, "://") == null) {
                try self.refer(.file, text);
            } else self.totals.addRemote(false),
            .file_id => try self.refer(.file, text),
            // The skills of the provider itself have names such as `pptx`.
            .skill => if (std.mem.startsWith(u8, text, "skill_")) try self.refer(.file, text),
            .response => try self.refer(.response, text),
            .conversation => try self.refer(.conversation, text),
            .container => if (!std.mem.eql(u8, text, "auto")) try self.refer(.container, text),
            .cached_content => try self.refer(.cached_content, text),
            .id => if (self.isItem(self.inside)) {
                if (self.item_id) |first| try self.refer(.item, first);
                self.item_id = try self.arena.dupe(u8, text);
            } else try self.refer(self.reference, text),
            else => {},
        }
    }

    fn takeType(self: *Content, text: []const u8) json.Failure!void {
        if (std.mem.eql(u8, text, "image")) self.is_image_block[self.inside] = true;
        if (!self.isItem(self.inside)) return;
        self.has_type = true;
        if (std.mem.eql(u8, text, "reasoning")) self.is_reasoning = true;
        if (std.mem.eql(u8, text, "item_reference") or hosted_tools.isCall(text)) self.is_item_reference = true;
    }

    fn takeModality(self: *Content, text: []const u8) void {
        if (std.ascii.eqlIgnoreCase(text, "audio") or std.mem.eql(u8, text, audio_number)) self.audio_output = true;
        if (std.ascii.eqlIgnoreCase(text, "image") or std.mem.eql(u8, text, image_number)) self.image_output = true;
    }

    fn leave(self: *Content) json.Failure!void {
        const inside = self.inside;
        self.inside -= 1;
        switch (self.contexts[inside]) {
            .source => {
                if (self.carrier.form == .base64) self.carrier.addTo(&self.totals);
                if (self.carrier.form == .url) self.has_remote_source[inside - 1] = true;
                self.carrier = .{};
            },
            .inline_data => {
                self.carrier.addTo(&self.totals);
                self.carrier = .{};
            },
            .live_search => if (self.is_search_on or !self.is_search_off) try self.list(&self.tools, "", "search_parameters"),
            .tool => if (!self.has_type) for (self.untyped.items()) |name| try self.list(&self.tools, "", name),
            .content => {
                if (self.has_remote_source[inside]) self.totals.addRemote(self.is_image_block[inside]);
                if (self.isItem(inside)) try self.endItem();
            },
            else => {},
        }
    }

    fn endItem(self: *Content) json.Failure!void {
        const id = self.item_id orelse return;
        const is_named = self.is_item_reference or !(self.has_type or self.has_role) or (self.is_reasoning and (self.is_bare or !self.is_encrypted));
        if (is_named) try self.refer(.item, id);
        self.item_id = null;
    }

    fn refer(self: *Content, kind: Reference, id: []const u8) json.Failure!void {
        try self.list(&self.references, @tagName(kind), id);
    }

    fn list(self: *Content, target: *TextList, prefix: []const u8, text: []const u8) json.Failure!void {
        if (!try target.add(self.arena, prefix, text)) self.is_excessive = true;
    }
};

fn isEncryptedContent(key: []const u8) bool {
    return std.mem.eql(u8, key, "encrypted_content");
}

fn isMode(key: []const u8) bool {
    return std.mem.eql(u8, key, "mode");
}

/// Returns whether an object in a tool without a type is named by the provider's tool that it is, as in Gemini's bodies.
/// A tool of the caller may carry Anthropic's mark for its cache.
fn isUntypedTool(context: Context, name: Name) bool {
    return (context == .options or context == .models) and name != .cache_control;
}

fn isModalities(name: Name) bool {
    return name == .responseModalities or name == .response_modalities;
}

fn isBudget(name: Name) bool {
    return name == .budget_tokens or name == .thinkingBudget or name == .thinking_budget;
}

/// Returns whether the caller, not the provider, runs tools of this type.
fn isOwnTool(text: []const u8) bool {
    return std.mem.eql(u8, text, "function") or std.mem.eql(u8, text, "custom");
}

fn actionInCarrier(parent: Context, name: Name) Action {
    return switch (name) {
        .data => .data,
        .media_type, .mimeType, .mime_type => .media_type,
        .type => if (parent == .source) .form else .nothing,
        .file_id => .file_id,
        else => .nothing,
    };
}

fn actionInFile(name: Name) Action {
    return switch (name) {
        .file_data, .file_url => .document_url,
        .file_id => .file_id,
        else => .nothing,
    };
}

fn actionInOptions(name: Name, key: []const u8) Action {
    return switch (name) {
        .file_id, .vector_store_id => .file_id,
        // Some readers take a single text for a list of one.
        .file_ids, .vector_store_ids, .collection_ids, .fileSearchStoreNames, .file_search_store_names => .file_id,
        .skill_id => .skill,
        .container_id => .container,
        .conversation => .conversation,
        .previous_response_id => .response,
        .cachedContent, .cached_content => .cached_content,
        else => if (Names.namesModel(name, key)) .model else .nothing,
    };
}

fn referenceOf(name: Name) Reference {
    return switch (name) {
        .conversation => .conversation,
        .container => .container,
        .audio => .audio,
        .cachedContent, .cached_content => .cached_content,
        else => .response,
    };
}
