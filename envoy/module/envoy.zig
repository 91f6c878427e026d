//! The part of Envoy's interface for dynamic modules, version 1.40, that this module uses. The names are Envoy's.
//!
//! The functions are weak symbols. Without Envoy, as in tests of the independent parts, they are missing.

const std = @import("std");

/// Tells Envoy which version of the interface the module was written for.
pub const abi_version = "v0.2.0";

pub const Stream = *anyopaque;

/// Bytes that belong to Envoy. They are valid until the hook returns or a setter is called.
pub const Slice = extern struct {
    pointer: ?[*]const u8 = null,
    length: usize = 0,

    pub fn bytes(self: Slice) []const u8 {
        return if (self.pointer) |pointer| pointer[0..self.length] else "";
    }

    pub fn of(text: []const u8) Slice {
        return .{ .pointer = text.ptr, .length = text.len };
    }
};

pub const Header = extern struct {
    key: Slice,
    value: Slice,

    pub fn of(key: []const u8, value: []const u8) Header {
        return .{ .key = .of(key), .value = .of(value) };
    }
};

pub const Headers = enum(c_int) { request = 0, request_trailers = 1, response = 2, response_trailers = 3 };
/// A connection, as the network filter of the module sees it.
pub const Connection = *anyopaque;
const CloseType = enum(c_int) { no_flush = 1 };

fn networkCallback(comptime name: []const u8, comptime Function: type) *const Function {
    return @extern(?*const Function, .{ .name = "envoy_dynamic_module_callback_network_filter_" ++ name, .linkage = .weak }) orelse
        @panic("called outside of Envoy");
}

/// Returns the number of the connection.
pub fn numberOf(connection: Connection) u64 {
    return networkCallback("get_connection_id", fn (Connection) callconv(.c) u64)(connection);
}

/// Returns the IP address of the other side.
pub fn remoteAddress(connection: Connection) []const u8 {
    const get = networkCallback("get_remote_address", fn (Connection, *Slice, *u32) callconv(.c) bool);
    var address: Slice = .{};
    var port: u32 = 0;
    return if (get(connection, &address, &port)) address.bytes() else "";
}

/// Sets how many bytes Envoy reads from the connection at a time, and keeps for it. Returns how many it was before.
pub fn setConnectionLimit(connection: Connection, bytes: u32) u32 {
    const before = networkCallback("get_buffer_limit", fn (Connection) callconv(.c) u32)(connection);
    networkCallback("set_buffer_limits", fn (Connection, u32) callconv(.c) void)(connection, bytes);
    return before;
}

/// Closes the connection at once.
pub fn close(connection: Connection) void {
    networkCallback("close", fn (Connection, CloseType) callconv(.c) void)(connection, .no_flush);
}

pub const Body = enum(c_int) { received_request = 0, buffered_request = 1, received_response = 2 };
const Attribute = enum(c_int) { response_code_details = 16, source_address = 24, connection_id = 28 };
const MetadataSource = enum(c_int) { dynamic = 0 };

/// `wait` keeps what arrives meanwhile, at most the connection's buffer, and reads no further.
pub const HeadersStatus = enum(c_int) { proceed = 0, stop = 1, wait = 4 };
pub const BodyStatus = enum(c_int) { proceed = 0, stop_and_buffer = 1, stop = 3 };

fn callback(comptime name: []const u8, comptime Function: type) *const Function {
    return @extern(?*const Function, .{ .name = "envoy_dynamic_module_callback_http_" ++ name, .linkage = .weak }) orelse
        @panic("called outside of Envoy");
}

/// Returns the first value of a header.
pub fn header(stream: Stream, headers: Headers, key: []const u8) ?[]const u8 {
    return headerAt(stream, headers, key, 0, null);
}

/// Returns one of the values of a header, and how many there are.
pub fn headerAt(stream: Stream, headers: Headers, key: []const u8, index: usize, count: ?*usize) ?[]const u8 {
    const get = callback("get_header", fn (Stream, Headers, Slice, *Slice, usize, ?*usize) callconv(.c) bool);
    var value: Slice = .{};
    if (!get(stream, headers, .of(key), &value, index, count)) return null;
    return if (value.pointer == null) null else value.bytes();
}

/// Returns the status of the response; 0 without one.
pub fn statusOf(stream: Stream) u32 {
    return std.fmt.parseInt(u32, header(stream, .response, ":status") orelse "", 10) catch 0;
}

pub fn headerCount(stream: Stream, headers: Headers) usize {
    return callback("get_headers_size", fn (Stream, Headers) callconv(.c) usize)(stream, headers);
}

/// Fills `places`, whose length must be what `headerCount` returns.
pub fn readHeaders(stream: Stream, headers: Headers, places: []Header) bool {
    return callback("get_headers", fn (Stream, Headers, [*]Header) callconv(.c) bool)(stream, headers, places.ptr);
}

pub fn setHeader(stream: Stream, headers: Headers, key: []const u8, value: []const u8) void {
    const set = callback("set_header", fn (Stream, Headers, Slice, Slice) callconv(.c) bool);
    _ = set(stream, headers, .of(key), .of(value));
}

pub fn removeHeader(stream: Stream, headers: Headers, key: []const u8) void {
    const set = callback("set_header", fn (Stream, Headers, Slice, Slice) callconv(.c) bool);
    _ = set(stream, headers, .of(key), .{});
}

/// Returns all headers. The caller frees the slice.
pub fn allHeaders(stream: Stream, headers: Headers, allocator: std.mem.Allocator) error{OutOfMemory}![]Header {
    const all = try allocator.alloc(Header, headerCount(stream, headers));
    if (all.len > 0 and !readHeaders(stream, headers, all)) @memset(all, .{ .key = .{}, .value = .{} });
    return all;
}

pub fn metadataText(stream: Stream, namespace: []const u8, key: []const u8) ?[]const u8 {
    const get = callback("get_metadata_string", fn (Stream, MetadataSource, Slice, Slice, *Slice) callconv(.c) bool);
    var value: Slice = .{};
    return if (get(stream, .dynamic, .of(namespace), .of(key), &value)) value.bytes() else null;
}

pub fn metadataIsTrue(stream: Stream, namespace: []const u8, key: []const u8) bool {
    const get = callback("get_metadata_bool", fn (Stream, MetadataSource, Slice, Slice, *bool) callconv(.c) bool);
    var value = false;
    return get(stream, .dynamic, .of(namespace), .of(key), &value) and value;
}

/// Returns whether the response is an upstream server's. Envoy gives every other response a reason of its own.
/// Source: `ResponseCodeDetailValues` in Envoy's `envoy/stream_info/stream_info.h`.
pub fn isFromUpstream(stream: Stream) bool {
    const get = callback("filter_get_attribute_string", fn (Stream, Attribute, *Slice) callconv(.c) bool);
    var value: Slice = .{};
    return get(stream, .response_code_details, &value) and std.mem.eql(u8, value.bytes(), "via_upstream");
}

pub fn setMetadataText(stream: Stream, namespace: []const u8, key: []const u8, value: []const u8) void {
    const set = callback("set_dynamic_metadata_string", fn (Stream, Slice, Slice, Slice) callconv(.c) void);
    set(stream, .of(namespace), .of(key), .of(value));
}

pub fn setMetadataTrue(stream: Stream, namespace: []const u8, key: []const u8) void {
    const set = callback("set_dynamic_metadata_bool", fn (Stream, Slice, Slice, bool) callconv(.c) void);
    set(stream, .of(namespace), .of(key), true);
}

/// Sets a namespace from a serialized `google.protobuf.Struct`.
pub fn setMetadata(stream: Stream, namespace: []const u8, fields: []const u8) void {
    const set = callback("set_dynamic_metadata_struct", fn (Stream, Slice, Slice) callconv(.c) bool);
    _ = set(stream, .of(namespace), .of(fields));
}

/// Returns how many pieces a body has.
pub fn bodyPieces(stream: Stream, body: Body) usize {
    return callback("get_body_chunks_size", fn (Stream, Body) callconv(.c) usize)(stream, body);
}

/// Fills `pieces`, whose length must be what `bodyPieces` returns.
pub fn readBody(stream: Stream, body: Body, pieces: []Slice) bool {
    return callback("get_body_chunks", fn (Stream, Body, [*]Slice) callconv(.c) bool)(stream, body, pieces.ptr);
}

/// Returns how many bytes a body has.
pub fn bodyBytes(stream: Stream, body: Body) usize {
    return callback("get_body_size", fn (Stream, Body) callconv(.c) usize)(stream, body);
}

/// Replaces a body. `content` must belong to the module.
pub fn replaceBody(stream: Stream, body: Body, content: []const u8) void {
    const drain = callback("drain_body", fn (Stream, Body, usize) callconv(.c) bool);
    const append = callback("append_body", fn (Stream, Body, Slice) callconv(.c) bool);
    _ = drain(stream, body, std.math.maxInt(usize));
    if (content.len > 0) _ = append(stream, body, .of(content));
}

/// Answers the call instead of the provider. The hook must then stop the stream.
pub fn respond(stream: Stream, status: u32, headers: []const Header, body: []const u8, details: []const u8) void {
    const send = callback("send_response", fn (Stream, u32, [*]const Header, usize, Slice, Slice) callconv(.c) void);
    send(stream, status, headers.ptr, headers.len, .of(body), .of(details));
}

/// Returns the address of the caller, with its port.
pub fn sourceAddress(stream: Stream) ?[]const u8 {
    const get = callback("filter_get_attribute_string", fn (Stream, Attribute, *Slice) callconv(.c) bool);
    var value: Slice = .{};
    return if (get(stream, .source_address, &value)) value.bytes() else null;
}

/// Returns the number of the connection on which a call arrived. No other connection of this process has it.
pub fn connectionId(stream: Stream) ?u64 {
    const get = callback("filter_get_attribute_int", fn (Stream, Attribute, *u64) callconv(.c) bool);
    var value: u64 = 0;
    return if (get(stream, .connection_id, &value)) value else null;
}

/// Sets how many bytes of a request Envoy keeps while a filter has stopped it. Returns how many it was before.
pub fn setBufferLimit(stream: Stream, bytes: u64) u64 {
    const before = callback("get_buffer_limit", fn (Stream) callconv(.c) u64)(stream);
    callback("set_buffer_limit", fn (Stream, u64) callconv(.c) void)(stream, bytes);
    return before;
}

/// Lets a call go on that `wait` has stopped.
pub fn proceed(stream: Stream) void {
    callback("filter_continue_decoding", fn (Stream) callconv(.c) void)(stream);
}

/// What a server has answered to a call of the module.
pub const Reply = struct {
    is_complete: bool,
    headers: []const Header,
    pieces: []const Slice,

    pub fn header(self: Reply, key: []const u8) ?[]const u8 {
        for (self.headers) |one| if (std.mem.eql(u8, one.key.bytes(), key)) return one.value.bytes();
        return null;
    }

    /// Returns the whole body. The caller frees it.
    pub fn body(self: Reply, allocator: std.mem.Allocator, bytes_max: usize) error{ OutOfMemory, Unanswered }![]u8 {
        if (!self.is_complete) return error.Unanswered;
        var length: usize = 0;
        for (self.pieces) |piece| length += piece.length;
        if (length > bytes_max) return error.Unanswered;
        var whole: std.ArrayList(u8) = try .initCapacity(allocator, length);
        for (self.pieces) |piece| whole.appendSliceAssumeCapacity(piece.bytes());
        return whole.items;
    }
};

/// Calls a gRPC method with one message. The answer arrives in a hook of its own.
pub fn callGrpc(stream: Stream, cluster: []const u8, path: []const u8, more: []const Header, frame: []const u8, timeout_ms: u64) error{ OutOfMemory, Unanswered }!void {
    const call = callback("filter_http_callout", fn (Stream, *u64, Slice, [*]const Header, usize, Slice, u64) callconv(.c) c_int);
    var room: [16]Header = undefined;
    var headers: std.ArrayList(Header) = .initBuffer(&room);
    headers.appendSliceAssumeCapacity(&.{
        .of(":method", "POST"),
        .of(":path", path),
        .of(":authority", cluster),
        .of("content-type", "application/grpc"),
        .of("te", "trailers"),
    });
    if (more.len > room.len - headers.items.len) return error.OutOfMemory;
    headers.appendSliceAssumeCapacity(more);
    var number: u64 = 0;
    if (call(stream, &number, .of(cluster), headers.items.ptr, headers.items.len, .of(frame), timeout_ms) != 0) return error.Unanswered;
}

/// Returns whether the arriving body is the complete one that an earlier filter has buffered.
fn isCollected(stream: Stream) bool {
    return callback("received_buffered_request_body", fn (Stream) callconv(.c) bool)(stream);
}

/// Returns where the request body is when its last part has arrived, in the order of its bytes.
pub fn requestBodies(stream: Stream) []const Body {
    return if (isCollected(stream)) &.{.received_request} else &.{ .buffered_request, .received_request };
}

/// Envoy's side of an extension of the whole process, or of its configuration. Its functions belong to the main thread.
pub const Extension = *anyopaque;
pub const Timer = *anyopaque;

fn mainCallback(comptime name: []const u8, comptime Function: type) *const Function {
    return @extern(?*const Function, .{ .name = "envoy_dynamic_module_callback_bootstrap_extension_" ++ name, .linkage = .weak }) orelse
        @panic("called outside of Envoy");
}

/// Lets Envoy start to serve.
pub fn completeInitialization(config: Extension) void {
    mainCallback("config_signal_init_complete", fn (Extension) callconv(.c) void)(config);
}

/// Returns a timer that is not running.
pub fn newTimer(config: Extension) Timer {
    return mainCallback("timer_new", fn (Extension) callconv(.c) Timer)(config);
}

pub fn startTimer(timer: Timer, delay_ms: u64) void {
    mainCallback("timer_enable", fn (Timer, u64) callconv(.c) void)(timer, delay_ms);
}

pub fn deleteTimer(timer: Timer) void {
    mainCallback("timer_delete", fn (Timer) callconv(.c) void)(timer);
}

/// Returns the value of a gauge; 0 if there is none of this name.
pub fn gauge(extension: Extension, name: []const u8) u64 {
    var value: u64 = 0;
    const get = mainCallback("get_gauge_value", fn (Extension, Slice, *u64) callconv(.c) bool);
    return if (get(extension, .of(name), &value)) value else 0;
}

/// Sends a request without a body from the main thread.
pub fn callFromMain(config: Extension, cluster: []const u8, method: []const u8, path: []const u8, timeout_ms: u64) error{Unanswered}!void {
    const call = mainCallback("http_callout", fn (Extension, *u64, Slice, [*]const Header, usize, Slice, u64) callconv(.c) c_int);
    const headers = [_]Header{ .of(":method", method), .of(":path", path), .of(":authority", "localhost") };
    var number: u64 = 0;
    if (call(config, &number, .of(cluster), &headers, headers.len, .of(""), timeout_ms) != 0) return error.Unanswered;
}
