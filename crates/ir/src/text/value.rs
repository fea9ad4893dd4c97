//! Attribute values and types: printing and parsing.

use super::constant::{self, Constants, KeptConstants};
use super::cursor::Cursor;
use super::lexer::{Token, is_ident, name, quote};
use super::{number, parse, print};
use crate::{Attr, DType, Dialect, Dim, SourceOp, TensorType};
use modelport_diag::Result;
use std::collections::BTreeMap;

/// `f32[N,224,?,"x y"]`.
pub(super) fn print_type(ty: &TensorType) -> String {
    let dims: Vec<_> = ty
        .shape
        .iter()
        .map(|d| match d {
            Dim::Known(n) => n.to_string(),
            Dim::Symbol(s) => name(s),
            Dim::Unknown => "?".to_owned(),
        })
        .collect();
    format!("{}[{}]", ty.dtype, dims.join(","))
}

pub(super) fn parse_type(c: &mut Cursor<'_>) -> Result<TensorType> {
    let dtype = c.dtype()?;
    let shape = c.list("[", "]", |c| match c.peek() {
        Token::Number(_) => Ok(Dim::Known(c.integer("a dimension")?)),
        Token::Punct("?") => {
            c.bump();
            Ok(Dim::Unknown)
        }
        _ => Ok(Dim::symbol(&c.name("a dimension: a number, a name, or `?`")?)),
    })?;
    Ok(TensorType { dtype, shape })
}

/// Appends a value; nested graphs are indented by `indent`.
pub(super) fn print_attr(attr: &Attr, out: &mut String, kept: &mut KeptConstants, indent: usize) {
    match attr {
        Attr::None => out.push_str("none"),
        Attr::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Attr::Int(i) => out.push_str(&i.to_string()),
        Attr::Float(f) => out.push_str(&number::float(*f)),
        Attr::Str(s) => out.push_str(&quote(s)),
        Attr::DType(d) => out.push_str(d.name()),
        Attr::List(items) => {
            out.push('[');
            separated(items, out, |item, out| print_attr(item, out, kept, indent));
            out.push(']');
        }
        Attr::Map(map) => print_map(map.iter().map(|(k, v)| (k.as_str(), v)), out, kept, indent),
        Attr::Tensor(t) => {
            out.push_str("tensor ");
            out.push_str(&constant::print(t, kept));
        }
        Attr::Op(op) => {
            out.push_str("op ");
            print_source_op(op, out, kept, indent);
        }
        Attr::Graph(graph) => print::graph(graph, out, kept, indent),
    }
}

fn separated<T>(items: impl IntoIterator<Item = T>, out: &mut String, mut item: impl FnMut(T, &mut String)) {
    for (i, x) in items.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        item(x, out);
    }
}

/// `{a=1, "b c"=[2, 3]}`.
pub(super) fn print_map<'a>(
    map: impl Iterator<Item = (&'a str, &'a Attr)>,
    out: &mut String,
    kept: &mut KeptConstants,
    indent: usize,
) {
    out.push('{');
    separated(map, out, |(key, value), out| {
        out.push_str(&name(key));
        out.push('=');
        print_attr(value, out, kept, indent);
    });
    out.push('}');
}

/// `keras.Dense v2 {units=3} weights {kernel=f32[…] …}`.
pub(super) fn print_source_op(op: &SourceOp, out: &mut String, kept: &mut KeptConstants, indent: usize) {
    out.push_str(&format!("{}.{}", op.dialect, name(&op.name)));
    if let Some(version) = op.version {
        out.push_str(&format!(" version {version} "));
    }
    if !op.attrs.is_empty() {
        print_map(op.attrs.iter().map(|(k, v)| (k.as_str(), v)), out, kept, indent);
    }
    if !op.weights.is_empty() {
        out.push_str(" weights {");
        separated(&op.weights, out, |(key, tensor), out| {
            out.push_str(&name(key));
            out.push('=');
            out.push_str(&constant::print(tensor, kept));
        });
        out.push('}');
    }
}

pub(super) fn parse_attr(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Attr> {
    c.nested(|c| match c.peek().clone() {
        Token::Str(s) => {
            c.bump();
            Ok(Attr::Str(s))
        }
        Token::Number(text) => parse_number(c, &text),
        Token::Punct("[") => Ok(Attr::List(c.list("[", "]", |c| parse_attr(c, constants))?)),
        Token::Punct("{") => Ok(Attr::Map(parse_map(c, constants)?)),
        Token::Ident(word) => parse_word(c, &word, constants),
        _ => Err(c.unexpected("a value")),
    })
}

fn parse_number(c: &mut Cursor<'_>, text: &str) -> Result<Attr> {
    let value = match text.parse() {
        Ok(i) => Some(Attr::Int(i)),
        Err(_) => number::parse_float(text).map(Attr::Float),
    };
    match value {
        Some(value) => {
            c.bump();
            Ok(value)
        }
        None => Err(c.unexpected("a number")),
    }
}

fn parse_word(c: &mut Cursor<'_>, word: &str, constants: &mut dyn Constants) -> Result<Attr> {
    let plain = match word {
        "none" => Some(Attr::None),
        "true" => Some(Attr::Bool(true)),
        "false" => Some(Attr::Bool(false)),
        "nan" => Some(Attr::Float(f64::NAN)),
        "inf" => Some(Attr::Float(f64::INFINITY)),
        _ => DType::from_name(word).map(Attr::DType),
    };
    if let Some(plain) = plain {
        c.bump();
        return Ok(plain);
    }
    match word {
        "tensor" => {
            c.bump();
            Ok(Attr::Tensor(constant::parse(c, constants)?))
        }
        "op" => {
            c.bump();
            Ok(Attr::Op(Box::new(parse_source_op(c, constants)?)))
        }
        "source" => Ok(Attr::Graph(Box::new(parse::graph(c, constants)?))),
        _ => Err(c.unexpected("a value (strings stand in quotes)")),
    }
}

/// `{a=1, b=[2]}`; a key that stands twice is an error.
pub(super) fn parse_map(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<BTreeMap<String, Attr>> {
    let mut map = BTreeMap::new();
    c.list("{", "}", |c| {
        let at = c.position();
        let key = c.name("a name")?;
        c.expect("=")?;
        let value = parse_attr(c, constants)?;
        if map.insert(key.clone(), value).is_some() {
            return Err(c.error_at(at, format!("{} is given twice", quote(&key))));
        }
        Ok(())
    })?;
    Ok(map)
}

const DIALECTS: &[Dialect] = &[Dialect::Keras, Dialect::TensorFlow, Dialect::Torch, Dialect::Onnx];

pub(super) fn parse_source_op(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<SourceOp> {
    let found = DIALECTS.iter().copied().find(|d| c.at_word(&d.to_string()));
    let dialect = found.ok_or_else(|| c.unexpected("a dialect: `keras`, `tensorflow`, `torch`, `onnx`"))?;
    c.bump();
    c.expect(".")?;
    let mut op = SourceOp::new(dialect, c.name("the name of an op")?);
    if c.eat_word("version") {
        op.version = Some(c.integer("a version")?);
    }
    if c.at("{") {
        op.attrs = parse_map(c, constants)?;
    }
    if c.eat_word("weights") {
        op.weights = c.list("{", "}", |c| {
            let name = c.name("the name of a weight")?;
            c.expect("=")?;
            Ok((name, constant::parse(c, constants)?))
        })?;
    }
    Ok(op)
}

/// Whether `s` would be read as something else than a name where a value is expected.
pub(super) fn is_plain_name(s: &str) -> bool {
    const WORDS: &[&str] = &["none", "true", "false", "nan", "inf", "tensor", "op", "source"];
    is_ident(s) && !WORDS.contains(&s) && DType::from_name(s).is_none()
}
