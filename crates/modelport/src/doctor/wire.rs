//! Protobuf messages read field by field, as far as a diagnosis needs, also from files that no reader accepts.
//!
//! Owns: the wire format (protobuf documentation, "Encoding"). Must never know: what a message means.

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Content<'a> {
    /// A number.
    Number(u64),
    /// Bytes with a length: a text, a message, packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed,
}

/// The fields of a message; ends at the first byte that is no field, and says so.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    left: &'a [u8],
    /// Whether the message ended in the middle of a field.
    pub(crate) broken: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, broken: false }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for i in 0..10 {
            let (&byte, rest) = self.left.split_first()?;
            self.left = rest;
            value |= u64::from(byte & 0x7f).checked_shl(7 * i)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Content<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|n| *n > 0)?;
        let content = match key & 7 {
            0 => Content::Number(self.varint()?),
            1 => self.take(8).map(|_| Content::Fixed)?,
            5 => self.take(4).map(|_| Content::Fixed)?,
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Content::Bytes(self.take(len)?)
            }
            _ => return None,
        };
        Some((number, content))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.left.split_at_checked(len)?;
        self.left = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Content<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() || self.broken {
            return None;
        }
        let field = self.field();
        self.broken = field.is_none();
        field
    }
}

/// All fields `number` that have a length.
pub(crate) fn all(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::new(bytes).filter_map(move |(n, c)| match c {
        Content::Bytes(b) if n == number => Some(b),
        _ => None,
    })
}

/// The last field `number` that has a length.
pub(crate) fn bytes(message: &[u8], number: u32) -> Option<&[u8]> {
    all(message, number).last()
}

/// The last field `number` as a text.
pub(crate) fn text(message: &[u8], number: u32) -> String {
    bytes(message, number).map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default()
}

/// The last field `number` that is a number.
pub(crate) fn number(message: &[u8], number: u32) -> Option<u64> {
    Fields::new(message)
        .filter_map(|(n, c)| match c {
            Content::Number(v) if n == number => Some(v),
            _ => None,
        })
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_until_they_break() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1a, 0x09, b'x'];
        let mut fields = Fields::new(&message);
        assert_eq!(fields.next(), Some((1, Content::Number(150))));
        assert_eq!(fields.next(), Some((2, Content::Bytes(b"hi"))));
        assert_eq!(fields.next(), None);
        assert!(fields.broken);
        assert_eq!((text(&message, 2).as_str(), number(&message, 1)), ("hi", Some(150)));
    }
}
