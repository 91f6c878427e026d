//! The connections that have not shown a known credential yet, in the order of their arrival: all of them, and those of
//! each address. It does no I/O; `connection_filter.zig` closes what it returns.
//!
//! A stranger never waits for a place. It takes that of the stranger at the same address that came first, or, if all
//! places are taken, of the one that came first anywhere. A connection that has shown a known credential has its place for
//! itself and leaves this list. So a flood evicts itself, and a customer needs only to send a call sooner than the places
//! have changed hands once.

const std = @import("std");
const Group = @import("addresses.zig").Group;

/// How many strangers may be connected to one worker.
pub const Limits = struct {
    per_address: u32,
    total: u32,
};

/// One connection. It is part of the lists while `is_listed`.
pub const Connection = struct {
    id: u64,
    address: Group,
    /// What the caller needs to close it.
    handle: *anyopaque,
    strangers: *Strangers,
    /// What Envoy may keep for it once it is no longer a stranger.
    usual_bytes_max: u32 = 0,
    is_listed: bool = false,
    in_all: std.DoublyLinkedList.Node = .{},
    of_address: std.DoublyLinkedList.Node = .{},
};

const OfAddress = struct { list: std.DoublyLinkedList = .{}, count: u32 = 0 };

pub const Strangers = struct {
    allocator: std.mem.Allocator,
    limits: Limits,
    all: std.DoublyLinkedList = .{},
    count: u32 = 0,
    /// Has as many entries as there are addresses in the list.
    by_address: std.AutoHashMapUnmanaged(Group, OfAddress) = .empty,

    pub fn init(allocator: std.mem.Allocator, limits: Limits) Strangers {
        return .{ .allocator = allocator, .limits = limits };
    }

    pub fn deinit(self: *Strangers) void {
        self.by_address.deinit(self.allocator);
    }

    /// Adds a connection. Returns the one to close instead, if there is one; it is no longer listed.
    pub fn add(self: *Strangers, connection: *Connection) error{OutOfMemory}!?*Connection {
        const place = try self.by_address.getOrPutValue(self.allocator, connection.address, .{});
        const own = place.value_ptr;
        own.list.append(&connection.of_address);
        own.count += 1;
        self.all.append(&connection.in_all);
        self.count += 1;
        connection.is_listed = true;
        if (own.count > self.limits.per_address) return self.evict(@fieldParentPtr("of_address", own.list.first.?));
        if (self.count > self.limits.total) return self.evict(@fieldParentPtr("in_all", self.all.first.?));
        return null;
    }

    fn evict(self: *Strangers, connection: *Connection) *Connection {
        self.remove(connection);
        return connection;
    }

    /// Removes a connection that is closed or no longer a stranger. Does nothing if it is not listed.
    pub fn remove(self: *Strangers, connection: *Connection) void {
        if (!connection.is_listed) return;
        connection.is_listed = false;
        self.all.remove(&connection.in_all);
        self.count -= 1;
        const own = self.by_address.getPtr(connection.address) orelse return;
        own.list.remove(&connection.of_address);
        own.count -= 1;
        if (own.count == 0) _ = self.by_address.remove(connection.address);
    }
};
