//! Tokens of protobuf's text format (protobuf.dev/reference/protobuf/textformat-spec). Owns: strings and their escapes,
//! comments, numbers as they are spelt. Must never know: fields.

use crate::wire::damaged;
use modelport_diag::{Diagnostic, Result};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, a number, or `[type.googleapis.com/x]`.
    Word(&'a str),
    /// A string, unescaped.
    Text(Vec<u8>),
    /// One of `{ } < > [ ] : , ; -`.
    Mark(u8),
    /// The end.
    End,
}

/// Reads tokens one after another.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// The tokens of a text.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// An error at this place.
    pub(super) fn error(&self, message: &str) -> Box<Diagnostic> {
        damaged(format!("the text cannot be read: {message}")).at_byte(self.at as u64)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'#' => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                }
                b if b.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    /// The next token without taking it.
    pub(super) fn peek(&self) -> Result<Token<'a>> {
        self.clone().next_token()
    }

    /// Takes a mark, if it is next.
    pub(super) fn take(&mut self, mark: u8) -> bool {
        self.skip_space();
        let there = self.bytes.get(self.at) == Some(&mark);
        self.at += usize::from(there);
        there
    }

    /// The next token.
    pub(super) fn next_token(&mut self) -> Result<Token<'a>> {
        self.skip_space();
        let Some(&byte) = self.bytes.get(self.at) else { return Ok(Token::End) };
        match byte {
            b'"' | b'\'' => self.text(byte).map(Token::Text),
            b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b':' | b',' | b';' | b'-' => {
                self.at += 1;
                Ok(Token::Mark(byte))
            }
            b if word(b) => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let len = rest.iter().position(|b| !word(*b) && *b != b'-').unwrap_or(rest.len());
                let text = rest.get(..len).and_then(|w| std::str::from_utf8(w).ok());
                self.at += len;
                text.map(Token::Word).ok_or_else(|| self.error("a word is not UTF-8"))
            }
            _ => Err(self.error("a character has no meaning here")),
        }
    }

    /// A string and those that follow it.
    fn text(&mut self, quote: u8) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut quote = quote;
        loop {
            self.at += 1;
            self.one(quote, &mut out)?;
            self.skip_space();
            match self.bytes.get(self.at) {
                Some(&next @ (b'"' | b'\'')) => quote = next,
                _ => return Ok(out),
            }
        }
    }

    fn one(&mut self, quote: u8, out: &mut Vec<u8>) -> Result<()> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|b| *b == quote || *b == b'\\');
            let plain = plain.ok_or_else(|| self.error("a string does not end"))?;
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain + 1;
            if rest.get(plain) == Some(&quote) {
                return Ok(());
            }
            let escape = self.escape()?;
            out.push(escape);
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.error("a string does not end"))?;
        self.at += 1;
        Ok(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'x' | b'X' => self.digits(16, 2)?,
            b'0'..=b'7' => {
                self.at -= 1;
                self.digits(8, 3)?
            }
            other => other,
        })
    }

    fn digits(&mut self, base: u32, most: usize) -> Result<u8> {
        let mut value = 0u32;
        let mut count = 0;
        while let Some(digit) =
            self.bytes.get(self.at).and_then(|b| char::from(*b).to_digit(base)).filter(|_| count < most)
        {
            value = value * base + digit;
            (self.at, count) = (self.at + 1, count + 1);
        }
        if count == 0 { Err(self.error("an escape has no digits")) } else { Ok(value as u8) }
    }
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_numbers_and_comments() {
        let mut lexer = Lexer::new(b"a: \"x\\\"\\n\\101\\x41\" 'y' # c\n -1e-3 }");
        let mut all = Vec::new();
        while let Ok(token) = lexer.next_token() {
            if token == Token::End {
                break;
            }
            all.push(token);
        }
        let text = Token::Text(b"x\"\nAAy".to_vec());
        let want =
            [Token::Word("a"), Token::Mark(b':'), text, Token::Mark(b'-'), Token::Word("1e-3"), Token::Mark(b'}')];
        assert_eq!(all, want);
        assert!(Lexer::new(b"\"open").next_token().is_err());
    }
}
