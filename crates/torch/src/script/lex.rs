//! Tokens of the archived code: the dialect of Python that `torch.jit` prints
//! (`torch/csrc/jit/serialization/python_print.cpp`).
//!
//! Owns: characters, numbers, string escapes, indentation. Must never know: what a statement is.

use modelport_diag::{Code, Diagnostic, Result};
use std::rc::Rc;

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(Rc<str>),
    Int(i64),
    Float(f64),
    /// An imaginary number: `2.j`.
    Imaginary(f64),
    Str(Rc<str>),
    /// An operator or punctuation.
    Op(&'static str),
    Newline,
    Indent,
    Dedent,
    End,
}

/// A token and the byte where it begins.
pub(super) type Spanned = (Token, u32);

/// Longest first, so that `**` is not read as `*`.
const OPERATORS: &[&str] = &[
    "...", "**=", "//=", "->", "==", "!=", "<=", ">=", "**", "//", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "<<", ">>", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "+", "-", "*", "/", "%", "<", ">", "&", "|", "^",
    "~", "@", ";",
];

/// How deep blocks may be indented: both programs and attacks nest, only the latter this deep.
const MAX_INDENT: usize = 200;

/// A complaint at a byte of the code.
pub(super) fn bad(at: usize, message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_SCRIPT_CODE, message).at_byte(at as u64)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Columns of the open blocks.
    indents: Vec<usize>,
    /// Open brackets: line ends inside mean nothing.
    brackets: usize,
    out: Vec<Spanned>,
}

/// Splits code into tokens.
///
/// # Errors
/// `TO0301` at a character that begins no token, an unfinished string, or a dedent to nowhere.
pub(super) fn lex(text: &str) -> Result<Vec<Spanned>> {
    let mut lexer = Lexer { text, at: 0, indents: vec![0], brackets: 0, out: Vec::new() };
    lexer.line_start()?;
    while lexer.at < text.len() {
        lexer.token()?;
    }
    if lexer.out.last().is_some_and(|(t, _)| *t != Token::Newline) {
        lexer.push(Token::Newline, text.len());
    }
    while lexer.indents.pop().is_some_and(|n| n > 0) {
        lexer.push(Token::Dedent, text.len());
    }
    lexer.push(Token::End, text.len());
    Ok(lexer.out)
}

impl Lexer<'_> {
    fn push(&mut self, token: Token, at: usize) {
        self.out.push((token, u32::try_from(at).unwrap_or(u32::MAX)));
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let len = self.rest().find(|c| !test(c)).unwrap_or(self.rest().len());
        self.at += len;
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Skips empty lines and turns the indentation of the next line into tokens.
    fn line_start(&mut self) -> Result<()> {
        let column = loop {
            let column = self.take_while(|c| c == ' ').len();
            match self.peek() {
                Some(b'\n' | b'\r') => self.at += 1,
                Some(b'#') => {
                    self.take_while(|c| c != '\n');
                }
                _ => break column,
            }
        };
        if self.at >= self.text.len() {
            return Ok(());
        }
        let current = self.indents.last().copied().unwrap_or(0);
        if column > current {
            if self.indents.len() >= MAX_INDENT {
                return Err(bad(self.at, "blocks are nested too deeply"));
            }
            self.indents.push(column);
            self.push(Token::Indent, self.at);
        }
        while self.indents.last().is_some_and(|&n| column < n) {
            self.indents.pop();
            self.push(Token::Dedent, self.at);
        }
        if self.indents.last() == Some(&column) {
            return Ok(());
        }
        Err(bad(self.at, "the indentation fits no block"))
    }

    fn token(&mut self) -> Result<()> {
        let at = self.at;
        let Some(c) = self.rest().chars().next() else { return Ok(()) };
        match c {
            ' ' | '\t' | '\r' | '\x0c' => self.at += 1,
            '\\' if self.rest().starts_with("\\\n") => self.at += 2,
            '#' => {
                self.take_while(|c| c != '\n');
            }
            '\n' => {
                self.at += 1;
                if self.brackets == 0 {
                    self.push(Token::Newline, at);
                    self.line_start()?;
                }
            }
            '"' | '\'' => {
                let s = self.string(c)?;
                self.push(Token::Str(s), at);
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let name: Rc<str> = self.take_while(|c| c.is_alphanumeric() || c == '_').into();
                self.push(Token::Name(name), at);
            }
            _ if c.is_ascii_digit()
                || (c == '.' && self.text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit)) =>
            {
                let n = self.number()?;
                self.push(n, at);
            }
            c if c.is_alphabetic() => {
                let name: Rc<str> = self.take_while(|c| c.is_alphanumeric() || c == '_').into();
                self.push(Token::Name(name), at);
            }
            _ => self.operator()?,
        }
        Ok(())
    }

    fn operator(&mut self) -> Result<()> {
        let at = self.at;
        let op = OPERATORS.iter().find(|op| self.rest().starts_with(**op));
        let op = *op.ok_or_else(|| bad(at, "a character begins no word of the code"))?;
        match op {
            "(" | "[" | "{" => self.brackets += 1,
            ")" | "]" | "}" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.at += op.len();
        self.push(Token::Op(op), at);
        Ok(())
    }

    fn number(&mut self) -> Result<Token> {
        let at = self.at;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            let value = i64::from_str_radix(digits, 16);
            return value.map(Token::Int).map_err(|_| bad(at, "a number is not what it looks like"));
        }
        self.take_while(|c| c.is_ascii_digit());
        let mut float = false;
        if self.peek() == Some(b'.') {
            float = true;
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            float = true;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.take_while(|c| c.is_ascii_digit());
        }
        let text = self.text.get(at..self.at).unwrap_or("");
        let value = text.parse::<f64>().map_err(|_| bad(at, "a number is not what it looks like"))?;
        if self.peek() == Some(b'j') {
            self.at += 1;
            return Ok(Token::Imaginary(value));
        }
        if float {
            return Ok(Token::Float(value));
        }
        // −2^63 is printed as the negation of a number that does not fit.
        Ok(text.parse::<i64>().map_or_else(
            |_| if text == "9223372036854775808" { Token::Int(i64::MIN) } else { Token::Float(value) },
            Token::Int,
        ))
    }

    /// A string with Python's escapes, also in three quotes. Escaped bytes form UTF-8 again.
    fn string(&mut self, quote: char) -> Result<Rc<str>> {
        let at = self.at;
        let triple: String = [quote; 3].iter().collect();
        let end = if self.rest().starts_with(&triple) { triple } else { quote.to_string() };
        self.at += end.len();
        let mut bytes = Vec::new();
        loop {
            if self.rest().starts_with(&end) {
                self.at += end.len();
                break;
            }
            match self.rest().chars().next() {
                None => return Err(bad(at, "a string does not end")),
                Some('\n') if end.len() == 1 => return Err(bad(at, "a string does not end")),
                Some('\\') => self.escape(&mut bytes)?,
                Some(c) => {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += c.len_utf8();
                }
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into())
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let at = self.at;
        self.at += 1;
        let c = self.rest().chars().next().ok_or_else(|| bad(at, "a string does not end"))?;
        self.at += c.len_utf8();
        match c {
            'n' => out.push(b'\n'),
            't' => out.push(b'\t'),
            'r' => out.push(b'\r'),
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'v' => out.push(11),
            '\n' => {}
            '0'..='7' => {
                self.at -= 1;
                let len = self.rest().bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = self.text.get(self.at..self.at + len).unwrap_or("0");
                out.push(u32::from_str_radix(digits, 8).unwrap_or(0) as u8);
                self.at += len;
            }
            'x' => {
                let digits = self.text.get(self.at..self.at + 2).unwrap_or("");
                let value =
                    u8::from_str_radix(digits, 16).map_err(|_| bad(at, "an escape in a string is unfinished"))?;
                out.push(value);
                self.at += 2;
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(())
    }
}
