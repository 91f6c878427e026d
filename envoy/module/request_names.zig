//! Where the values are that make a call dearer, or that name something beyond the body: the objects and arrays of the
//! three dialects, as far as anything inside them counts.

const std = @import("std");

/// What an object or array is. Everything inside `plain` is text.
pub const Context = enum {
    plain,
    body,
    /// Turns of a conversation, their blocks and parts.
    content,
    /// Anthropic's source of a picture or document.
    source,
    /// Gemini's bytes of a picture, recording or document.
    inline_data,
    /// Gemini's reference to a file.
    file_uri,
    input_audio,
    image_url,
    file,
    /// What is named by its id, such as a conversation.
    named,
    ids,
    tools,
    tool,
    mcp_servers,
    /// Prompts of a batch.
    prompts,
    /// Inputs of embeddings, or turns.
    inputs,
    /// Documents to rank. Inside them it is as in `options`.
    ranked,
    models,
    modalities,
    thinking,
    generation,
    /// What the provider may do to a long conversation before it answers.
    edits,
    /// xAI's live search, which its own mode can turn off.
    live_search,
    /// Any other object or array outside the conversation.
    options,
};

/// Keys that lead to another context or count themselves.
pub const Name = enum {
    other,
    // the body
    messages,
    contents,
    system,
    systemInstruction,
    system_instruction,
    prompt,
    input,
    documents,
    query,
    tools,
    web_search_options,
    search_parameters,
    mcp_servers,
    fallbacks,
    models,
    model,
    previous_response_id,
    conversation,
    container,
    cachedContent,
    cached_content,
    generationConfig,
    generation_config,
    thinkingConfig,
    thinking_config,
    thinking,
    thinkingBudget,
    thinking_budget,
    budget_tokens,
    modalities,
    responseModalities,
    response_modalities,
    cache_control,
    context_management,
    // content
    content,
    parts,
    output,
    functionResponse,
    function_response,
    source,
    inlineData,
    inline_data,
    fileData,
    file_data,
    fileUri,
    file_uri,
    input_audio,
    audio,
    image_url,
    file,
    file_url,
    document_url,
    url,
    data,
    media_type,
    mimeType,
    mime_type,
    type,
    id,
    // ids
    file_id,
    file_ids,
    vector_store_id,
    vector_store_ids,
    collection_ids,
    container_id,
    skill_id,
    fileSearchStoreNames,
    file_search_store_names,
    // schemas and labels, in which nothing counts
    function,
    functions,
    functionDeclarations,
    function_declarations,
    parameters,
    input_schema,
    inputSchema,
    output_schema,
    json_schema,
    schema,
    responseSchema,
    response_schema,
    responseJsonSchema,
    response_json_schema,
    response_format,
    format,
    text,
    metadata,
    labels,
    tool_choice,
    args,
};

pub fn nameOf(key: []const u8) Name {
    return std.meta.stringToEnum(Name, key) orelse .other;
}

/// Returns whether a key names a model, such as `fallback_model`.
pub fn namesModel(name: Name, key: []const u8) bool {
    return name == .model or name == .models or name == .fallbacks or (name == .other and endsLikeModel(key));
}

fn endsLikeModel(key: []const u8) bool {
    for ([_][]const u8{ "_model", "_models", "Model", "Models" }) |end| {
        if (std.mem.endsWith(u8, key, end)) return true;
    }
    return false;
}

fn isSchemaOrLabel(name: Name) bool {
    return @backingInt(name) >= @backingInt(Name.function);
}

/// Returns the context of an object or array under a key, or of an element if the key is empty.
pub fn contextUnder(parent: Context, name: Name, key: []const u8) Context {
    return switch (parent) {
        .body => underBody(name, key),
        .content => underContent(name, key),
        .source => if (name == .content) .content else .plain,
        .tools => .tool,
        .tool => if (name == .tools) .tools else underOptions(name, key),
        .generation => switch (name) {
            .thinkingConfig, .thinking_config => .thinking,
            .responseModalities, .response_modalities => .modalities,
            else => underOptions(name, key),
        },
        .inputs => .content,
        .models => .options,
        .edits => .edits,
        .options, .ranked, .mcp_servers, .named, .live_search => underOptions(name, key),
        .plain, .inline_data, .file_uri, .input_audio, .image_url, .file, .ids, .prompts, .modalities, .thinking => .plain,
    };
}

fn underBody(name: Name, key: []const u8) Context {
    return switch (name) {
        .messages, .contents, .system, .systemInstruction, .system_instruction => .content,
        // The rewriter refuses a model that is not a string.
        .model => .plain,
        .prompt => .prompts,
        .input => .inputs,
        .documents => .ranked,
        .tools => .tools,
        .conversation, .cachedContent, .cached_content, .previous_response_id => .named,
        .mcp_servers => .mcp_servers,
        .modalities => .modalities,
        .thinking => .thinking,
        .context_management => .edits,
        .search_parameters => .live_search,
        .generationConfig, .generation_config => .generation,
        else => underOptions(name, key),
    };
}

fn underContent(name: Name, key: []const u8) Context {
    return switch (name) {
        .content, .parts, .output, .functionResponse, .function_response => .content,
        .source => .source,
        .inlineData, .inline_data => .inline_data,
        .fileData, .file_data => .file_uri,
        .input_audio => .input_audio,
        .image_url => .image_url,
        .file => .file,
        .audio => .named,
        .file_ids => .ids,
        else => if (key.len == 0) .content else .plain,
    };
}

fn underOptions(name: Name, key: []const u8) Context {
    if (isSchemaOrLabel(name)) return .plain;
    if (namesModel(name, key)) return .models;
    return switch (name) {
        .file_ids, .vector_store_ids, .collection_ids, .fileSearchStoreNames, .file_search_store_names => .ids,
        .container => .named,
        else => .options,
    };
}
