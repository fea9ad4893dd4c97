//! Statements of archived code.
//!
//! Owns: the grammar of statements, classes and functions. Must never know: what they mean.

use super::ast::{Class, Expr, ExprKind, Func, Param, Stmt, StmtKind};
use super::lex::{Spanned, Token, bad, lex};
use modelport_diag::Result;
use std::rc::Rc;

/// How deep expressions and blocks may nest together.
pub(super) const MAX_DEPTH: usize = 150;

const AUGMENTED: &[(&str, &str)] =
    &[("+=", "+"), ("-=", "-"), ("*=", "*"), ("/=", "/"), ("//=", "//"), ("%=", "%"), ("**=", "**")];

/// Reads tokens one after the other.
pub(super) struct Parser {
    tokens: Vec<Spanned>,
    next: usize,
    pub(super) depth: usize,
}

/// Parses one file of code into its statements.
///
/// # Errors
/// `TO0301` at what is no code, and where it nests too deeply.
pub(super) fn parse(text: &str) -> Result<Vec<Stmt>> {
    let mut p = Parser::new(text)?;
    let mut out = Vec::new();
    while *p.peek() != Token::End {
        p.statement(&mut out)?;
    }
    Ok(out)
}

impl Parser {
    fn new(text: &str) -> Result<Self> {
        Ok(Self { tokens: lex(text)?, next: 0, depth: 0 })
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(t, _)| t)
    }

    pub(super) fn at(&self) -> u32 {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(super) fn back(&mut self) {
        self.next -= 1;
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(o) if *o == op)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(n) if &**n == word)
    }

    pub(super) fn eat_op(&mut self, op: &str) -> bool {
        let yes = self.is_op(op);
        self.next += usize::from(yes);
        yes
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let yes = self.is_word(word);
        self.next += usize::from(yes);
        yes
    }

    pub(super) fn need_op(&mut self, op: &str) -> Result<()> {
        if self.eat_op(op) { Ok(()) } else { Err(self.unexpected(&format!("`{op}`"))) }
    }

    pub(super) fn name(&mut self) -> Result<Rc<str>> {
        match self.advance() {
            Token::Name(n) => Ok(n),
            _ => {
                self.next -= 1;
                Err(self.unexpected("a name"))
            }
        }
    }

    pub(super) fn unexpected(&self, expected: &str) -> Box<modelport_diag::Diagnostic> {
        let found = match self.peek() {
            Token::Name(n) => format!("`{n}`"),
            Token::Op(o) => format!("`{o}`"),
            Token::Str(_) => "a string".to_owned(),
            Token::Int(_) | Token::Float(_) | Token::Imaginary(_) => "a number".to_owned(),
            Token::Newline => "the end of the line".to_owned(),
            Token::Indent | Token::Dedent => "another indentation".to_owned(),
            Token::End => "the end of the code".to_owned(),
        };
        bad(self.at() as usize, "the archived code is not the Python that torch writes").expected(expected).found(found)
    }

    /// Goes one level deeper, up to the bound.
    pub(super) fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(bad(self.at() as usize, "the archived code is nested too deeply")
                .expected(format!("at most {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let out = f(self);
        self.depth -= 1;
        out
    }

    fn line_end(&mut self) -> Result<()> {
        if *self.peek() == Token::Newline {
            self.next += 1;
            return Ok(());
        }
        if self.eat_op(";") || *self.peek() == Token::End {
            return Ok(());
        }
        Err(self.unexpected("the end of the line"))
    }

    fn block(&mut self) -> Result<Vec<Stmt>> {
        self.deeper(|p| {
            p.need_op(":")?;
            let mut out = Vec::new();
            if *p.peek() != Token::Newline {
                p.statement(&mut out)?;
                return Ok(out);
            }
            p.next += 1;
            // Classes without members are printed without a body.
            if *p.peek() != Token::Indent {
                return Ok(out);
            }
            p.next += 1;
            while *p.peek() != Token::Dedent {
                if *p.peek() == Token::End {
                    return Err(p.unexpected("a statement"));
                }
                p.statement(&mut out)?;
            }
            p.next += 1;
            Ok(out)
        })
    }

    fn statement(&mut self, out: &mut Vec<Stmt>) -> Result<()> {
        let at = self.at();
        let word = match self.peek() {
            Token::Name(n) => n.clone(),
            _ => "".into(),
        };
        let kind = match &*word {
            "if" => self.if_statement()?,
            "while" => {
                self.next += 1;
                StmtKind::While(self.expr()?, self.block()?)
            }
            "for" => self.for_statement()?,
            "with" => self.with_statement()?,
            "def" => StmtKind::Def(Rc::new(self.function()?)),
            "class" => StmtKind::Class(Rc::new(self.class()?)),
            "import" | "from" => {
                while !matches!(self.peek(), Token::Newline | Token::End) {
                    self.next += 1;
                }
                self.line_end()?;
                StmtKind::Pass
            }
            _ => {
                let kind = self.simple(&word)?;
                self.line_end()?;
                kind
            }
        };
        out.push(Stmt { kind, at });
        Ok(())
    }

    fn simple(&mut self, word: &str) -> Result<StmtKind> {
        let ends = |p: &Self| matches!(p.peek(), Token::Newline | Token::End) || p.is_op(";");
        match word {
            "pass" | "break" | "continue" => {
                self.next += 1;
                Ok(match word {
                    "pass" => StmtKind::Pass,
                    "break" => StmtKind::Break,
                    _ => StmtKind::Continue,
                })
            }
            "return" | "raise" => {
                self.next += 1;
                let value = if ends(self) { None } else { Some(self.expr_list()?) };
                Ok(if word == "return" { StmtKind::Return(value) } else { StmtKind::Raise(value) })
            }
            "assert" => {
                self.next += 1;
                let test = self.expr()?;
                let message = if self.eat_op(",") { Some(self.expr()?) } else { None };
                Ok(StmtKind::Assert(test, message))
            }
            _ => self.assignment(),
        }
    }

    fn assignment(&mut self) -> Result<StmtKind> {
        let target = self.expr_list()?;
        if self.eat_op("=") {
            return Ok(StmtKind::Assign(target, None, self.expr_list()?));
        }
        if self.eat_op(":") {
            let ty = self.expr()?;
            return Ok(if self.eat_op("=") {
                StmtKind::Assign(target, Some(ty), self.expr_list()?)
            } else {
                StmtKind::Annotate(target, ty)
            });
        }
        if let Some((token, op)) = AUGMENTED.iter().find(|(token, _)| self.is_op(token)) {
            self.need_op(token)?;
            return Ok(StmtKind::Augment(target, op, self.expr_list()?));
        }
        Ok(StmtKind::Expr(target))
    }

    fn if_statement(&mut self) -> Result<StmtKind> {
        self.next += 1;
        let cond = self.expr()?;
        let then = self.block()?;
        let mut other = Vec::new();
        if self.is_word("elif") {
            let at = self.at();
            let kind = self.deeper(Self::if_statement)?;
            other.push(Stmt { kind, at });
        } else if self.eat_word("else") {
            other = self.block()?;
        }
        Ok(StmtKind::If(cond, then, other))
    }

    fn for_statement(&mut self) -> Result<StmtKind> {
        self.next += 1;
        let target = self.targets()?;
        if !self.eat_word("in") {
            return Err(self.unexpected("`in`"));
        }
        let iterated = self.expr_list()?;
        Ok(StmtKind::For(target, iterated, self.block()?))
    }

    /// Names between `for` and `in`.
    fn targets(&mut self) -> Result<Expr> {
        let at = self.at();
        let parens = self.eat_op("(");
        let mut names = Vec::new();
        loop {
            let at = self.at();
            names.push(Expr { kind: ExprKind::Name(self.name()?), at });
            if !self.eat_op(",") || self.is_word("in") {
                break;
            }
        }
        if parens {
            self.need_op(")")?;
        }
        Ok(if names.len() == 1 && !parens { names.remove(0) } else { Expr { kind: ExprKind::Tuple(names), at } })
    }

    fn with_statement(&mut self) -> Result<StmtKind> {
        self.next += 1;
        let mut items = Vec::new();
        loop {
            let value = self.expr()?;
            let name = if self.eat_word("as") { Some(self.expr()?) } else { None };
            items.push((value, name));
            if !self.eat_op(",") {
                break;
            }
        }
        Ok(StmtKind::With(items, self.block()?))
    }

    fn function(&mut self) -> Result<Func> {
        let at = self.at();
        self.next += 1;
        let name = self.name()?;
        self.need_op("(")?;
        let mut params = Vec::new();
        while !self.eat_op(")") {
            if self.eat_op("*") {
                // Keyword-only from here: the same to us.
                self.need_op(",")?;
                continue;
            }
            let name = self.name()?;
            let ty = if self.eat_op(":") { Some(self.expr()?) } else { None };
            let default = if self.eat_op("=") { Some(self.expr()?) } else { None };
            params.push(Param { name, ty, default });
            if !self.eat_op(",") && !self.is_op(")") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        let returns = if self.eat_op("->") { Some(self.expr()?) } else { None };
        Ok(Func { name, params, returns, body: self.block()?, at })
    }

    fn class(&mut self) -> Result<Class> {
        let at = self.at();
        self.next += 1;
        let name = self.name()?;
        let mut bases = Vec::new();
        if self.eat_op("(") {
            while !self.eat_op(")") {
                bases.push(self.expr()?);
                if !self.eat_op(",") && !self.is_op(")") {
                    return Err(self.unexpected("`,` or `)`"));
                }
            }
        }
        Ok(Class { name, bases, body: self.block()?, at })
    }
}
