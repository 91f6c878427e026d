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
pub const Body = enum(c_int) { received_request = 0, buffered_request = 1, received_response = 2 };
const Attribute = enum(c_int) { response_code_details = 16 };
const MetadataSource = enum(c_int) { dynamic = 0 };

pub const HeadersStatus = enum(c_int) { proceed = 0, stop = 1 };
pub const BodyStatus = enum(c_int) { proceed = 0, stop_and_buffer = 1, stop = 3 };

fn callback(comptime name: []const u8, comptime Function: type) *const Function {
    return @extern(?*const Function, .{ .name = "envoy_dynamic_module_callback_http_" ++ name, .linkage = .weak }) orelse
        @panic("called outside of Envoy");
}

/// Returns the first value of a header.
pub fn header(stream: Stream, headers: Headers, key: []const u8) ?[]const u8 {
    const get = callback("get_header", fn (Stream, Headers, Slice, *Slice, usize, ?*usize) callconv(.c) bool);
    var value: Slice = .{};
    if (!get(stream, headers, .of(key), &value, 0, null)) return null;
    return if (value.pointer == null) null else value.bytes();
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

/// Returns whether the arriving body is the complete one that an earlier filter has buffered.
fn isCollected(stream: Stream) bool {
    return callback("received_buffered_request_body", fn (Stream) callconv(.c) bool)(stream);
}

/// Returns where the request body is when its last part has arrived, in the order of its bytes.
pub fn requestBodies(stream: Stream) []const Body {
    return if (isCollected(stream)) &.{.received_request} else &.{ .buffered_request, .received_request };
}
