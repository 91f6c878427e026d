//! Pictures, recordings and documents inside a body: their kind and how many bytes of the body they are.

const std = @import("std");

pub const Kind = enum { image, audio, document };

/// Bytes, as base64 in the body, and numbers.
pub const Totals = struct {
    counts: std.EnumArray(Kind, usize) = .initFill(0),
    bytes: std.EnumArray(Kind, usize) = .initFill(0),
    remote_images: usize = 0,
    remote_documents: usize = 0,

    pub fn add(self: *Totals, kind: Kind, bytes: usize) void {
        self.counts.getPtr(kind).* += 1;
        self.bytes.getPtr(kind).* += bytes;
    }

    /// Adds the string of a URL: `data:` carries bytes, anything else is fetched by the provider. Bytes of text stay
    /// text.
    pub fn addUrl(self: *Totals, start: []const u8, bytes: usize, is_image: bool) void {
        if (!std.ascii.startsWithIgnoreCase(start, "data:")) return self.addRemote(is_image);
        if (std.ascii.findIgnoreCase(start, ";base64,") == null) return;
        const media_type = start["data:".len..];
        // A picture may leave out its type.
        const kind = if (is_image and media_type[0] == ';') .image else kindOf(media_type);
        if (kind) |known| self.add(known, bytes);
    }

    pub fn addRemote(self: *Totals, is_image: bool) void {
        if (is_image) self.remote_images += 1 else self.remote_documents += 1;
    }
};

/// Returns the kind of a media type, or null for text and for what no provider counts by a rule.
pub fn kindOf(media_type: []const u8) ?Kind {
    if (std.ascii.startsWithIgnoreCase(media_type, "image/")) return .image;
    if (std.ascii.startsWithIgnoreCase(media_type, "audio/")) return .audio;
    return if (std.ascii.startsWithIgnoreCase(media_type, "application/pdf")) .document else null;
}

/// An object with bytes that is being read. Its members come in any order. One with a repeated member stays text.
pub const Carrier = struct {
    const Form = enum { unknown, base64, url, other };

    form: Form = .unknown,
    kind: ?Kind = null,
    has_media_type: bool = false,
    bytes: ?usize = null,
    is_ambiguous: bool = false,

    pub fn setForm(self: *Carrier, text: []const u8) void {
        if (self.form != .unknown) self.is_ambiguous = true;
        self.form = std.meta.stringToEnum(Form, text) orelse .other;
    }

    pub fn setMediaType(self: *Carrier, text: []const u8) void {
        if (self.has_media_type) self.is_ambiguous = true;
        self.has_media_type = true;
        self.kind = kindOf(text);
    }

    pub fn setData(self: *Carrier, bytes: usize) void {
        if (self.bytes != null) self.is_ambiguous = true;
        self.bytes = bytes;
    }

    pub fn addTo(self: *const Carrier, totals: *Totals) void {
        const kind = self.kind orelse return;
        if (!self.is_ambiguous) totals.add(kind, self.bytes orelse return);
    }
};
