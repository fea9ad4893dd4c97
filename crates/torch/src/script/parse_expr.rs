//! Expressions of archived code.
//!
//! Owns: the grammar of expressions and the strength of operators. Must never know: what they mean.

use super::ast::{Expr, ExprKind};
use super::lex::Token;
use super::parse::Parser;
use modelport_diag::Result;
use std::rc::Rc;

/// Binary operators from weak to strong, below comparisons.
const LEVELS: &[&[&str]] = &[&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "//", "/", "%", "@"]];

const COMPARISONS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];

fn expr(kind: ExprKind, at: u32) -> Expr {
    Expr { kind, at }
}

impl Parser {
    /// An expression, or a tuple without parentheses: `a, b, `.
    pub(super) fn expr_list(&mut self) -> Result<Expr> {
        let at = self.at();
        let first = self.starred()?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_op(",") {
            if matches!(self.peek(), Token::Newline | Token::End) || self.is_op("=") || self.is_op(")") {
                break;
            }
            items.push(self.starred()?);
        }
        Ok(expr(ExprKind::Tuple(items), at))
    }

    fn starred(&mut self) -> Result<Expr> {
        let at = self.at();
        if self.eat_op("*") {
            let inner = self.expr()?;
            return Ok(expr(ExprKind::Unary("*", Box::new(inner)), at));
        }
        self.expr()
    }

    /// An expression.
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.deeper(Self::ternary)
    }

    fn ternary(&mut self) -> Result<Expr> {
        let at = self.at();
        let value = self.disjunction()?;
        if !self.eat_word("if") {
            return Ok(value);
        }
        let cond = self.disjunction()?;
        if !self.eat_word("else") {
            return Err(self.unexpected("`else`"));
        }
        let other = self.expr()?;
        Ok(expr(ExprKind::Ternary(Box::new(value), Box::new(cond), Box::new(other)), at))
    }

    /// Counts a link of a chain that makes the tree deeper to the left, and recursion over it with it.
    fn link(&mut self) -> Result<()> {
        self.deeper(|_| Ok(()))?;
        self.depth += 1;
        Ok(())
    }

    fn disjunction(&mut self) -> Result<Expr> {
        let depth = self.depth;
        let mut left = self.conjunction()?;
        while self.is_word("or") {
            let at = self.at();
            self.advance();
            self.link()?;
            left = expr(ExprKind::Binary("or", Box::new(left), Box::new(self.conjunction()?)), at);
        }
        self.depth = depth;
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr> {
        let depth = self.depth;
        let mut left = self.negation()?;
        while self.is_word("and") {
            let at = self.at();
            self.advance();
            self.link()?;
            left = expr(ExprKind::Binary("and", Box::new(left), Box::new(self.negation()?)), at);
        }
        self.depth = depth;
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expr> {
        let at = self.at();
        if self.eat_word("not") {
            let inner = self.deeper(Self::negation)?;
            return Ok(expr(ExprKind::Unary("not", Box::new(inner)), at));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr> {
        let depth = self.depth;
        let mut left = self.level(0)?;
        loop {
            let at = self.at();
            let Some(op) = self.comparison_operator()? else {
                self.depth = depth;
                return Ok(left);
            };
            self.link()?;
            let right = self.level(0)?;
            left = expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), at);
        }
    }

    fn comparison_operator(&mut self) -> Result<Option<&'static str>> {
        if let Some(op) = COMPARISONS.iter().copied().find(|op| self.is_op(op)) {
            self.advance();
            return Ok(Some(op));
        }
        if self.eat_word("in") {
            return Ok(Some("in"));
        }
        if self.eat_word("is") {
            return Ok(Some(if self.eat_word("not") { "is not" } else { "is" }));
        }
        if self.eat_word("not") {
            return if self.eat_word("in") { Ok(Some("not in")) } else { Err(self.unexpected("`in`")) };
        }
        Ok(None)
    }

    fn level(&mut self, level: usize) -> Result<Expr> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let depth = self.depth;
        let mut left = self.level(level + 1)?;
        while let Some(op) = operators.iter().copied().find(|op| self.is_op(op)) {
            let at = self.at();
            self.advance();
            self.link()?;
            left = expr(ExprKind::Binary(op, Box::new(left), Box::new(self.level(level + 1)?)), at);
        }
        self.depth = depth;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr> {
        let at = self.at();
        for op in ["-", "+", "~"] {
            if self.eat_op(op) {
                let inner = self.deeper(Self::unary)?;
                return Ok(match (op, &inner.kind) {
                    ("-", ExprKind::Int(i)) => expr(ExprKind::Int(i.wrapping_neg()), at),
                    ("-", ExprKind::Float(f)) => expr(ExprKind::Float(-f), at),
                    ("-", ExprKind::Imaginary(f)) => expr(ExprKind::Imaginary(-f), at),
                    ("-", ExprKind::Name(n)) if &**n == "inf" => expr(ExprKind::Float(f64::NEG_INFINITY), at),
                    _ => expr(ExprKind::Unary(op, Box::new(inner)), at),
                });
            }
        }
        let base = self.postfix()?;
        if self.eat_op("**") {
            let exponent = self.deeper(Self::unary)?;
            return Ok(expr(ExprKind::Binary("**", Box::new(base), Box::new(exponent)), at));
        }
        Ok(base)
    }

    fn postfix(&mut self) -> Result<Expr> {
        let mut base = self.atom()?;
        let depth = self.depth;
        loop {
            let at = self.at();
            if self.eat_op(".") {
                base = expr(ExprKind::Attr(Box::new(base), self.name()?), at);
            } else if self.eat_op("(") {
                let (args, kwargs) = self.arguments()?;
                base = expr(ExprKind::Call(Box::new(base), args, kwargs), at);
            } else if self.eat_op("[") {
                let index = self.index()?;
                self.need_op("]")?;
                base = expr(ExprKind::Index(Box::new(base), Box::new(index)), at);
            } else {
                self.depth = depth;
                return Ok(base);
            }
            self.link()?;
        }
    }

    #[allow(clippy::type_complexity)]
    fn arguments(&mut self) -> Result<(Vec<Expr>, Vec<(Rc<str>, Expr)>)> {
        let (mut args, mut kwargs) = (Vec::new(), Vec::new());
        while !self.eat_op(")") {
            let value = self.starred()?;
            match value.kind {
                ExprKind::Name(name) if self.is_op("=") => {
                    self.advance();
                    kwargs.push((name, self.expr()?));
                }
                _ => args.push(value),
            }
            if !self.eat_op(",") && !self.is_op(")") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok((args, kwargs))
    }

    fn index(&mut self) -> Result<Expr> {
        let at = self.at();
        let first = self.slice()?;
        if !self.is_op(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_op(",") {
            if self.is_op("]") {
                break;
            }
            items.push(self.slice()?);
        }
        Ok(expr(ExprKind::Tuple(items), at))
    }

    fn slice(&mut self) -> Result<Expr> {
        let at = self.at();
        let mut parts = [None, None, None];
        let mut colons = 0;
        loop {
            if self.is_op("]") || self.is_op(",") {
                break;
            }
            if self.eat_op(":") {
                colons += 1;
                if colons > 2 {
                    return Err(self.unexpected("`]`"));
                }
                continue;
            }
            let value = self.expr()?;
            match parts.get_mut(colons) {
                Some(part @ None) => *part = Some(Box::new(value)),
                _ => return Err(self.unexpected("`]`")),
            }
        }
        let [start, stop, step] = parts;
        match (colons, start) {
            (0, Some(value)) => Ok(*value),
            // `Tuple[]` is how some versions print the type of the empty tuple.
            (0, None) => Ok(expr(ExprKind::Tuple(Vec::new()), at)),
            (_, start) => Ok(expr(ExprKind::Slice(start, stop, step), at)),
        }
    }

    fn atom(&mut self) -> Result<Expr> {
        let at = self.at();
        let kind = match self.advance() {
            Token::Int(i) => ExprKind::Int(i),
            Token::Float(f) => ExprKind::Float(f),
            Token::Imaginary(f) => ExprKind::Imaginary(f),
            Token::Str(s) => self.joined(s),
            Token::Name(n) => match &*n {
                "None" => ExprKind::None,
                "True" => ExprKind::Bool(true),
                "False" => ExprKind::Bool(false),
                _ => ExprKind::Name(n),
            },
            Token::Op("(") => return self.parenthesized(at),
            Token::Op("[") => ExprKind::List(self.items("]")?),
            Token::Op("{") => self.dict()?,
            Token::Op("...") => ExprKind::Name("...".into()),
            _ => {
                self.back();
                return Err(self.unexpected("an expression"));
            }
        };
        Ok(expr(kind, at))
    }

    /// Adjacent strings are one.
    fn joined(&mut self, first: Rc<str>) -> ExprKind {
        if !matches!(self.peek(), Token::Str(_)) {
            return ExprKind::Str(first);
        }
        let mut all = first.to_string();
        while let Token::Str(s) = self.peek() {
            all.push_str(s);
            self.advance();
        }
        ExprKind::Str(all.into())
    }

    fn parenthesized(&mut self, at: u32) -> Result<Expr> {
        if self.eat_op(")") {
            return Ok(expr(ExprKind::Tuple(Vec::new()), at));
        }
        let inner = self.expr_list()?;
        self.need_op(")")?;
        Ok(inner)
    }

    fn items(&mut self, end: &str) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.eat_op(end) {
            items.push(self.expr()?);
            if !self.eat_op(",") && !self.is_op(end) {
                return Err(self.unexpected(&format!("`,` or `{end}`")));
            }
        }
        Ok(items)
    }

    fn dict(&mut self) -> Result<ExprKind> {
        let mut pairs = Vec::new();
        while !self.eat_op("}") {
            let key = self.expr()?;
            self.need_op(":")?;
            pairs.push((key, self.expr()?));
            if !self.eat_op(",") && !self.is_op("}") {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        Ok(ExprKind::Dict(pairs))
    }
}
