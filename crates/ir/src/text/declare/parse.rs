//! Parsing declarations. Names, ops and attributes are checked here, so that a mistake shows where it stands.

use super::{Call, Config, Declaration, Expr, FileWeight, KINDS, Kind, Statement, Value, Weight};
use crate::text::constant::NoConstants;
use crate::text::cursor::Cursor;
use crate::text::lexer::Token;
use crate::text::parse::closest;
use crate::text::value::{is_plain_name, parse_attr};
use crate::{Attr, DType, Op};
use modelport_diag::{Code, Result};
use std::collections::{HashMap, HashSet};

/// Parses a file of declarations.
///
/// # Errors
/// `CU0001` with line and column.
pub fn parse_custom(text: &str) -> Result<Vec<Declaration>> {
    let mut c = Cursor::new(text, Code::CUSTOM_DECLARATION);
    let mut all: Vec<Declaration> = Vec::new();
    let mut seen = HashSet::new();
    while *c.peek() != Token::End {
        let at = c.position();
        let declaration = layer(&mut c)?;
        if !seen.insert(declaration.name.clone()) {
            return Err(c.error_at(at, format!("layer `{}` is declared twice", declaration.name)));
        }
        all.push(declaration);
    }
    if all.is_empty() {
        return Err(c.error_at(0, "there is no declaration here").expected("`layer Name(x) { … return … }`"));
    }
    Ok(all)
}

/// What a name means inside a declaration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Value,
    Rest,
    Config,
    Module,
}

fn layer(c: &mut Cursor<'_>) -> Result<Declaration> {
    c.expect_word("layer")?;
    let name = c.name("the name of a layer class")?;
    let mut parser = Parser {
        names: HashMap::new(),
        declaration: Declaration {
            name,
            inputs: Vec::new(),
            rest: false,
            weights: Vec::new(),
            modules: Vec::new(),
            config: Vec::new(),
            body: Vec::new(),
            results: Vec::new(),
        },
    };
    c.list("(", ")", |c| parser.input(c))?;
    c.expect("{")?;
    while !c.eat_word("return") {
        parser.item(c)?;
    }
    parser.results(c)?;
    c.expect("}")?;
    Ok(parser.declaration)
}

struct Parser {
    names: HashMap<String, Meaning>,
    declaration: Declaration,
}

/// A local name: `x` or `%x`.
fn local(c: &mut Cursor<'_>, what: &str) -> Result<String> {
    if let Token::Value(label) = c.peek() {
        let label = label.clone();
        c.bump();
        return Ok(label);
    }
    let at = c.position();
    let name = c.ident(what)?;
    if is_plain_name(&name) && !name.starts_with('@') {
        return Ok(name);
    }
    Err(c
        .error_at(at, format!("`{name}` has a meaning of its own and cannot be a name"))
        .help(format!("write `%{name}`")))
}

impl Parser {
    fn define(&mut self, c: &Cursor<'_>, at: usize, name: &str, meaning: Meaning) -> Result<()> {
        match self.names.insert(name.to_owned(), meaning) {
            Some(_) => Err(c.error_at(at, format!("`{name}` is defined twice"))),
            None => Ok(()),
        }
    }

    fn input(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        let at = c.position();
        if self.declaration.rest {
            return Err(c.error_at(at, "no input can follow the one that takes all that are left"));
        }
        let name = local(c, "the name of an input")?;
        self.declaration.rest = c.eat("...");
        self.define(c, at, &name, if self.declaration.rest { Meaning::Rest } else { Meaning::Value })?;
        self.declaration.inputs.push(name);
        Ok(())
    }

    fn item(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        if *c.peek() == Token::End || c.at("}") {
            return Err(c.unexpected("a statement, or `return`"));
        }
        let word = match c.peek() {
            Token::Ident(word) if matches!(word.as_str(), "weights" | "config" | "modules") => word.clone(),
            _ => return self.statement(c),
        };
        c.bump();
        loop {
            match word.as_str() {
                "weights" => self.weight(c)?,
                "modules" => self.module(c)?,
                _ => self.config(c)?,
            }
            if !c.eat(",") {
                return Ok(());
            }
        }
    }

    /// `w`, `b?`, `w = "kernel"`, `w = 0`.
    fn weight(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        let at = c.position();
        let name = local(c, "the name of a weight")?;
        let optional = c.eat("?");
        let file = match (c.eat("="), c.peek()) {
            (false, _) => None,
            (true, Token::Number(_)) => Some(FileWeight::Index(c.integer("a position, from 0")?)),
            (true, _) => Some(FileWeight::Name(c.string("a position, or a name in quotes")?)),
        };
        self.define(c, at, &name, Meaning::Value)?;
        self.declaration.weights.push(Weight { name, file, optional });
        Ok(())
    }

    /// `fc`, `act = "layers.1"`.
    fn module(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        let at = c.position();
        let name = local(c, "the name of a module")?;
        let there = if c.eat("=") { c.string("the name of the module in the layer, in quotes")? } else { name.clone() };
        self.define(c, at, &name, Meaning::Module)?;
        self.declaration.modules.push((name, there));
        Ok(())
    }

    /// `units: int`, `slope: float = 0.3`.
    fn config(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        let at = c.position();
        let name = local(c, "the name of a config key")?;
        let mut kind = Kind::Any;
        if c.eat(":") {
            let found = KINDS.iter().find(|(word, _)| c.at_word(word));
            kind = found.ok_or_else(|| c.unexpected("`int`, `float`, `bool`, `str`, `list` or `any`"))?.1;
            c.bump();
        }
        let mut default = None;
        if c.eat("=") {
            let at = c.position();
            let value = parse_attr(c, &mut NoConstants)?;
            if !value.is_none() && !kind.fits(&value) {
                return Err(c.error_at(at, format!("the default of `{name}` is not of type {}", kind.name())));
            }
            default = Some(value);
        }
        self.define(c, at, &name, Meaning::Config)?;
        self.declaration.config.push(Config { name, kind, default });
        Ok(())
    }

    fn statement(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        let mut targets = Vec::new();
        loop {
            targets.push((c.position(), local(c, "a statement, `weights`, `config`, or `return`")?));
            if !c.eat(",") {
                break;
            }
        }
        c.expect("=")?;
        let line = c.line();
        let call = match self.expr(c)? {
            Expr::Call(call) => call,
            _ => return Err(c.unexpected("an op applied to operands: `Add(x, y)`")),
        };
        for (at, name) in &targets {
            self.define(c, *at, name, Meaning::Value)?;
        }
        let targets = targets.into_iter().map(|(_, name)| name).collect();
        self.declaration.body.push(Statement { line, targets, call });
        Ok(())
    }

    fn results(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        loop {
            let at = c.position();
            match self.expr(c)? {
                Expr::Absent => {
                    let name = &self.declaration.name;
                    return Err(c
                        .error_at(at, format!("what `{name}` computes still has to be written"))
                        .expected("`return` and a value, after the statements that compute it"));
                }
                Expr::Literal { .. } => return Err(c.error_at(at, "a layer returns values, not constants")),
                expr => self.declaration.results.push(expr),
            }
            if !c.eat(",") {
                return Ok(());
            }
        }
    }

    fn expr(&mut self, c: &mut Cursor<'_>) -> Result<Expr> {
        c.nested(|c| {
            let (at, line) = (c.position(), c.line());
            match c.peek().clone() {
                Token::Number(_) | Token::Punct("[") => Ok(Expr::Literal { line, dtype: None, value: self.number(c)? }),
                Token::Value(label) => {
                    c.bump();
                    self.named(c, at, line, label)
                }
                Token::Ident(word) => self.word(c, at, line, word),
                _ => Err(c.unexpected("a value, a number, or an op applied to operands")),
            }
        })
    }

    fn word(&mut self, c: &mut Cursor<'_>, at: usize, line: usize, word: String) -> Result<Expr> {
        if c.eat_word("_") {
            return Ok(Expr::Absent);
        }
        if matches!(word.as_str(), "true" | "false" | "inf" | "nan") {
            return Ok(Expr::Literal { line, dtype: None, value: self.number(c)? });
        }
        c.bump();
        if let Some(dtype) = DType::from_name(&word) {
            return self.typed(c, line, dtype);
        }
        if c.at("(") || c.at("{") {
            return self.call(c, at, line, word).map(Expr::Call);
        }
        self.named(c, at, line, word)
    }

    /// `f32(1.5)`, `i32[1, 2]`.
    fn typed(&mut self, c: &mut Cursor<'_>, line: usize, dtype: DType) -> Result<Expr> {
        let value = if c.eat("(") {
            let value = self.number(c)?;
            c.expect(")")?;
            value
        } else if c.at("[") {
            self.number(c)?
        } else {
            return Err(c.unexpected("`(` and a number, or `[` and numbers"));
        };
        Ok(Expr::Literal { line, dtype: Some(dtype), value })
    }

    fn named(&mut self, c: &mut Cursor<'_>, at: usize, line: usize, name: String) -> Result<Expr> {
        match self.names.get(&name) {
            Some(Meaning::Config) => Ok(Expr::Literal { line, dtype: None, value: Value::Config(name) }),
            Some(Meaning::Value) => Ok(Expr::Name(name)),
            Some(Meaning::Module) => Err(c.unexpected(&format!("`(` after `{name}`, which is a module"))),
            Some(Meaning::Rest) if c.eat("...") => Ok(Expr::Rest(name)),
            Some(Meaning::Rest) => Err(c.unexpected(&format!("`...` after `{name}`, which stands for several values"))),
            None => {
                let mut known: Vec<_> = self.names.keys().map(|n| format!("`{n}`")).collect();
                known.sort();
                Err(c
                    .error_at(at, format!("`{name}` is not defined"))
                    .expected(format!("one of {}", known.join(", ")))
                    .found(format!("`{name}`")))
            }
        }
    }

    /// A number, truth value or config key, or a list of such.
    fn number(&mut self, c: &mut Cursor<'_>) -> Result<Value> {
        let at = c.position();
        let value = self.value(c)?;
        let number = |a: &Attr| a.as_float().is_some() || a.as_bool().is_some();
        let scalar = |v: &Value| match v {
            Value::Plain(a) => number(a),
            Value::Config(_) => true,
            Value::List(_) => false,
        };
        let fits = match &value {
            Value::Plain(Attr::List(items)) => items.iter().all(number),
            Value::List(items) => items.iter().all(scalar),
            v => scalar(v),
        };
        if fits { Ok(value) } else { Err(c.error_at(at, "an operand is a number or a list of numbers")) }
    }

    /// An attribute value, in which config keys may stand.
    fn value(&mut self, c: &mut Cursor<'_>) -> Result<Value> {
        c.nested(|c| {
            if c.at("[") {
                let items = c.list("[", "]", |c| self.value(c))?;
                let plain = |v: &Value| match v {
                    Value::Plain(a) => Some(a.clone()),
                    _ => None,
                };
                // A list without config keys is a plain value, so that the attributes can be checked at once.
                return Ok(match items.iter().map(plain).collect() {
                    Some(attrs) if !items.is_empty() => Value::Plain(Attr::List(attrs)),
                    _ => Value::List(items),
                });
            }
            let label = match c.peek() {
                Token::Ident(word) if is_plain_name(word) => Some(word.clone()),
                Token::Value(label) => Some(label.clone()),
                _ => None,
            };
            let Some(label) = label else { return Ok(Value::Plain(parse_attr(c, &mut NoConstants)?)) };
            if self.names.get(&label) != Some(&Meaning::Config) {
                let message = format!("`{label}` is not a config key");
                return Err(c
                    .error_at(c.position(), message)
                    .expected("a value, or a name declared with `config`")
                    .help(format!("strings stand in quotes: \"{label}\"")));
            }
            c.bump();
            Ok(Value::Config(label))
        })
    }

    fn call(&mut self, c: &mut Cursor<'_>, at: usize, line: usize, op: String) -> Result<Call> {
        if self.names.get(&op) == Some(&Meaning::Module) {
            let operands = c.list("(", ")", |c| self.expr(c))?;
            return Ok(Call { line, op, module: true, attrs: Vec::new(), operands });
        }
        let mut attrs: Vec<(String, Value)> = Vec::new();
        if c.at("{") {
            attrs = c.list("{", "}", |c| {
                let key = c.name("the name of an attribute")?;
                c.expect("=")?;
                Ok((key, self.value(c)?))
            })?;
        }
        check_op(c, at, &op, &attrs)?;
        let operands = c.list("(", ")", |c| self.expr(c))?;
        Ok(Call { line, op, module: false, attrs, operands })
    }
}

/// The op exists; its attributes fit where none depends on the config.
fn check_op(c: &Cursor<'_>, at: usize, op: &str, attrs: &[(String, Value)]) -> Result<()> {
    if !Op::all_names().contains(&op) {
        let d = c.error_at(at, format!("there is no core op `{op}`"));
        return Err(match closest(op) {
            Some(other) => d.help(format!("is `{other}` meant?")),
            None => d.help(format!("the ops are: {}", Op::all_names().join(", "))),
        });
    }
    if matches!(op, "If" | "Loop") {
        return Err(c.error_at(at, format!("`{op}` cannot stand in a declaration")));
    }
    let mut seen = HashSet::new();
    if let Some((key, _)) = attrs.iter().find(|(key, _)| !seen.insert(key)) {
        return Err(c.error_at(at, format!("attribute `{key}` is given twice")));
    }
    let plain: Option<_> = attrs
        .iter()
        .map(|(key, value)| match value {
            Value::Plain(a) => Some((key.clone(), a.clone())),
            Value::List(items) if items.is_empty() => Some((key.clone(), Attr::List(Vec::new()))),
            _ => None,
        })
        .collect();
    match plain {
        Some(plain) => Op::from_attrs(op, plain).map(|_| ()).map_err(|e| c.error_at(at, format!("`{op}`: {e}"))),
        None => Ok(()),
    }
}
