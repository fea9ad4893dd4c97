//! What all parsers of the text form share: one token of lookahead, expectations, errors with line and column.

use super::lexer::{Lexer, Token};
use crate::DType;
use modelport_diag::{Code, Diagnostic, Result};

/// How deeply lists, mappings, ops and graphs may nest in a text.
const DEPTH: usize = 128;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    token: Token,
    start: usize,
    line: usize,
    depth: usize,
    code: Code,
}

impl<'a> Cursor<'a> {
    /// Errors get `code`.
    pub(super) fn new(text: &'a str, code: Code) -> Self {
        let mut lexer = Lexer::new(text);
        let (token, start, line) = lexer.next();
        Self { text, lexer, token, start, line, depth: 0, code }
    }

    pub(super) fn peek(&self) -> &Token {
        &self.token
    }

    /// The byte where the next token starts.
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// The line of the next token, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn bump(&mut self) -> Token {
        let (token, start, line) = self.lexer.next();
        (self.start, self.line) = (start, line);
        std::mem::replace(&mut self.token, token)
    }

    /// Line and column, both from 1, columns in characters; counted from the start, so for errors only.
    pub(super) fn line_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let column = before.get(line_start..).map_or(0, |l| l.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }

    /// An error at byte `at`.
    pub(super) fn error_at(&self, at: usize, message: impl std::fmt::Display) -> Box<Diagnostic> {
        let (line, column) = self.line_column(at);
        Diagnostic::error(self.code, format!("line {line}, column {column}: {message}"))
    }

    /// The next token is not what it should be.
    pub(super) fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        self.error_at(self.start, format!("{} cannot stand here", self.token))
            .expected(expected)
            .found(self.token.to_string())
    }

    pub(super) fn at(&self, punct: &str) -> bool {
        matches!(self.token, Token::Punct(p) if p == punct)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Ident(w) if w == word)
    }

    /// Takes `punct` if it is next.
    pub(super) fn eat(&mut self, punct: &str) -> bool {
        let found = self.at(punct);
        if found {
            self.bump();
        }
        found
    }

    /// Takes `word` if it is next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn expect(&mut self, punct: &str) -> Result<()> {
        if self.eat(punct) { Ok(()) } else { Err(self.unexpected(&format!("`{punct}`"))) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.token == Token::End { Ok(()) } else { Err(self.unexpected("the end of the text")) }
    }

    pub(super) fn ident(&mut self, what: &str) -> Result<String> {
        match &self.token {
            Token::Ident(s) if s != "_" => {
                let s = s.clone();
                self.bump();
                Ok(s)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        match &self.token {
            Token::Str(s) => {
                let s = s.clone();
                self.bump();
                Ok(s)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A name, bare or in quotes.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        if matches!(self.token, Token::Str(_)) { self.string(what) } else { self.ident(what) }
    }

    /// The spelling of a number.
    pub(super) fn number(&mut self, what: &str) -> Result<String> {
        match &self.token {
            Token::Number(s) => {
                let s = s.clone();
                self.bump();
                Ok(s)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    pub(super) fn integer<T: std::str::FromStr>(&mut self, what: &str) -> Result<T> {
        let at = self.start;
        let text = self.number(what)?;
        text.parse().map_err(|_| self.error_at(at, format!("`{text}` is not {what}")).expected(what).found(text))
    }

    pub(super) fn dtype(&mut self) -> Result<DType> {
        let found = match &self.token {
            Token::Ident(s) => DType::from_name(s),
            _ => None,
        };
        let dtype = found.ok_or_else(|| self.unexpected("an element type such as `f32`"))?;
        self.bump();
        Ok(dtype)
    }

    /// Items between `open` and `close`, separated by commas; a last comma is allowed.
    pub(super) fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect(open)?;
        let mut items = Vec::new();
        while !self.at(close) {
            items.push(item(self)?);
            if !self.eat(",") {
                break;
            }
        }
        if self.eat(close) { Ok(items) } else { Err(self.unexpected(&format!("`,` or `{close}`"))) }
    }

    /// Runs `f` one level deeper.
    pub(super) fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEPTH {
            return Err(self
                .error_at(self.start, "this is nested too deeply")
                .expected(format!("at most {DEPTH} levels")));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }
}
