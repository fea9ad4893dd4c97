//! Encoding: a message grows in memory; weights are written beside it by the streamer.

/// A message under construction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message(Vec<u8>);

/// Bytes that a varint takes.
pub(crate) fn varint_len(v: u64) -> u64 {
    u64::from((64 - (v | 1).leading_zeros()).div_ceil(7))
}

impl Message {
    fn varint(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.0.push((v as u8) | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
    }

    /// An integer field.
    pub(crate) fn int(&mut self, field: u32, v: i64) {
        self.varint(u64::from(field) << 3);
        self.varint(v as u64);
    }

    /// A 32-bit float field.
    pub(crate) fn float(&mut self, field: u32, v: f32) {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    /// The tag and length of a field whose `len` bytes come next, from elsewhere.
    pub(crate) fn prefix(&mut self, field: u32, len: u64) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(len);
    }

    /// A field of bytes.
    pub(crate) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.prefix(field, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A field of text.
    pub(crate) fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A nested message.
    pub(crate) fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// Appends fields that are encoded already.
    pub(crate) fn append(&mut self, other: &Message) {
        self.0.extend_from_slice(&other.0);
    }

    /// Appends bytes announced by [`Message::prefix`].
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The encoded bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Forgets what was encoded, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
