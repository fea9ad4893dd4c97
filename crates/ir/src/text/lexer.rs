//! Tokens of the text form. Owns: spelling of names, strings, numbers and comments. Knows nothing of graphs.

use std::fmt;

/// One token. Numbers keep their spelling, because what they mean depends on the type that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `Conv`, `f32`, `@args`.
    Ident(String),
    /// `%12`, `%x`.
    Value(String),
    /// `"…"`.
    Str(String),
    /// `b"…"`.
    Bytes(Vec<u8>),
    /// `-12`, `1e-5`, `0x7fc00001`.
    Number(String),
    /// One of `{}[]()=,:?@+_.;` or `::`, `...`.
    Punct(&'static str),
    /// Anything else.
    Bad(String),
    /// The end of the text.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ident(s) => write!(f, "`{s}`"),
            Self::Value(s) => write!(f, "`%{s}`"),
            Self::Str(s) => write!(f, "{}", quote(&shorten(s))),
            Self::Bytes(_) => f.write_str("a byte string"),
            Self::Number(s) => write!(f, "`{}`", shorten(s)),
            Self::Punct(p) => write!(f, "`{p}`"),
            Self::Bad(what) => f.write_str(what),
            Self::End => f.write_str("the end of the text"),
        }
    }
}

fn shorten(s: &str) -> String {
    let head: String = s.chars().take(40).collect();
    if head.len() < s.len() { head + "…" } else { head }
}

/// Longest first, so that `...` is not three dots.
const PUNCT: &[&str] = &["...", "::", "{", "}", "[", "]", "(", ")", "=", ",", ":", "?", "@", "+", "."];

/// Reads tokens from a text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// The line of the next token, from 1. Tokens hold no line breaks, so blanks and comments are all that count.
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Blanks, and comments from `#` or `//` to the end of the line.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.line += rest.bytes().take(blank).filter(|b| *b == b'\n').count();
            self.at += blank;
            let rest = self.rest();
            if !rest.starts_with('#') && !rest.starts_with("//") {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// The next token, the byte where it starts, and its line.
    pub(super) fn next(&mut self) -> (Token, usize, usize) {
        self.skip();
        let (start, line) = (self.at, self.line);
        (self.token(), start, line)
    }

    fn token(&mut self) -> Token {
        let rest = self.rest();
        let mut chars = rest.chars();
        let Some(first) = chars.next() else { return Token::End };
        let second = chars.next().unwrap_or('\0');
        match first {
            '"' => self.string(),
            'b' if second == '"' => self.bytes(),
            '%' => {
                self.at += 1;
                match self.take_while(is_word) {
                    "" => Token::Bad("`%` without a name".into()),
                    name => Token::Value(name.to_owned()),
                }
            }
            '@' if is_word_start(second) => {
                self.at += 1;
                Token::Ident(format!("@{}", self.take_while(is_word)))
            }
            '-' | '0'..='9' => self.number(),
            c if is_word_start(c) => Token::Ident(self.take_while(is_word).to_owned()),
            c => match PUNCT.iter().find(|p| rest.starts_with(**p)) {
                Some(p) => {
                    self.at += p.len();
                    Token::Punct(p)
                }
                None => {
                    self.at += c.len_utf8();
                    Token::Bad(format!("the character {}", quote(&c.to_string())))
                }
            },
        }
    }

    /// `12`, `-1.5e-3`, `0x1f`, `-inf`. A sign after `e` belongs to the number.
    fn number(&mut self) -> Token {
        let rest = self.rest();
        let hex = rest.starts_with("0x");
        let mut len = 0;
        let mut before = '\0';
        for c in rest.chars() {
            let sign = (c == '-' || c == '+') && (len == 0 || (!hex && matches!(before, 'e' | 'E')));
            if !(sign || c.is_ascii_alphanumeric() || c == '.') {
                break;
            }
            len += c.len_utf8();
            before = c;
        }
        self.at += len;
        let text = rest.get(..len).unwrap_or_default();
        // `1...` would be nonsense anyway, so dots need no care here.
        if text == "-" { Token::Bad("`-` without a number".into()) } else { Token::Number(text.to_owned()) }
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.escaped() {
                Piece::Char(c) => out.push(c),
                Piece::Byte(b) if b < 0x80 => out.push(b.into()),
                Piece::Byte(_) => return Token::Bad("a byte escape above \\x7f in a string".into()),
                Piece::Close => return Token::Str(out),
                Piece::Bad(what) => return Token::Bad(what),
            }
        }
    }

    fn bytes(&mut self) -> Token {
        self.at += 2;
        let mut out = Vec::new();
        loop {
            match self.escaped() {
                Piece::Char(c) => out.extend(c.to_string().bytes()),
                Piece::Byte(b) => out.push(b),
                Piece::Close => return Token::Bytes(out),
                Piece::Bad(what) => return Token::Bad(what),
            }
        }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn escaped(&mut self) -> Piece {
        match self.bump() {
            None => Piece::Bad("a string that does not end".into()),
            Some('"') => Piece::Close,
            Some('\\') => self.escape(),
            Some('\n') => Piece::Bad("a line break in a string (write \\n)".into()),
            Some(c) => Piece::Char(c),
        }
    }

    fn escape(&mut self) -> Piece {
        match self.bump() {
            Some(c @ ('"' | '\\')) => Piece::Char(c),
            Some('n') => Piece::Char('\n'),
            Some('r') => Piece::Char('\r'),
            Some('t') => Piece::Char('\t'),
            Some('x') => {
                let hex = self.rest().get(..2).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
                match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
                    Some(b) => {
                        self.at += 2;
                        Piece::Byte(b)
                    }
                    None => Piece::Bad("`\\x` without two hexadecimal digits".into()),
                }
            }
            Some('u') => match self.unicode() {
                Some(c) => Piece::Char(c),
                None => Piece::Bad("`\\u` without `{`, hexadecimal digits of a character, and `}`".into()),
            },
            _ => Piece::Bad("an escape that is none of \\\" \\\\ \\n \\r \\t \\x \\u".into()),
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let inner = self.rest().strip_prefix('{')?;
        let len = inner.find('}').filter(|&n| (1..=6).contains(&n))?;
        let c = u32::from_str_radix(inner.get(..len)?, 16).ok().and_then(char::from_u32)?;
        self.at += len + 2;
        Some(c)
    }
}

enum Piece {
    Char(char),
    Byte(u8),
    Close,
    Bad(String),
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit()
}

/// Whether `s` can stand without quotes where a name is expected.
pub(super) fn is_ident(s: &str) -> bool {
    let word = s.strip_prefix('@').unwrap_or(s);
    word.starts_with(is_word_start) && word.chars().all(is_word) && word != "_"
}

/// `s` bare if it can be, else in quotes.
pub(super) fn name(s: &str) -> String {
    if is_ident(s) { s.to_owned() } else { quote(s) }
}

/// `s` in quotes. Everything that is not plainly visible is escaped.
pub(super) fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic() => out.push(c),
            c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Bytes in quotes: as a string where they are UTF-8.
pub(super) fn quote_bytes(bytes: &[u8]) -> String {
    if let Ok(s) = std::str::from_utf8(bytes) {
        return quote(s);
    }
    let mut out = String::from("b\"");
    for &b in bytes {
        match b {
            b'"' | b'\\' => out.extend(['\\', b.into()]),
            b' '..=b'~' => out.push(b.into()),
            _ => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}
