//! Parsing graphs.

use super::constant::{self, Constants};
use super::cursor::Cursor;
use super::lexer::{Token, quote};
use super::print::Spell;
use super::{provenance, value};
use crate::infer::{self, Known, Operand};
use crate::{Attr, Core, CoreGraph, Graph, Op, Source, SourceOp, TensorType, ValueId};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::{BTreeMap, HashMap};

/// What differs between the stages.
pub(super) trait Read: Spell {
    /// What is remembered while a graph is read.
    type Memory: Default;
    fn op(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Self::Op>;
    /// A type that is written.
    fn written(ty: TensorType) -> Self::Type;
    /// The type of a value for which `?` is written.
    fn unknown() -> Option<Self::Type>;
    /// The types of a node's results, where some are not written.
    fn results(
        memory: &Self::Memory,
        graph: &Graph<Self>,
        op: &Self::Op,
        inputs: &[Option<ValueId>],
        written: Vec<Option<Self::Type>>,
    ) -> Result<Vec<Self::Type>>
    where
        Self: Sized;
    /// Called with each node when it stands in the graph.
    fn added(_memory: &mut Self::Memory, _graph: &Graph<Self>, _inputs: &[Option<ValueId>], _results: &[ValueId])
    where
        Self: Sized,
    {
    }
}

impl Read for Source {
    type Memory = ();

    fn op(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<SourceOp> {
        value::parse_source_op(c, constants)
    }

    fn written(ty: TensorType) -> Option<TensorType> {
        Some(ty)
    }

    fn unknown() -> Option<Option<TensorType>> {
        Some(None)
    }

    fn results(
        (): &(),
        _graph: &Graph<Self>,
        _op: &SourceOp,
        _inputs: &[Option<ValueId>],
        written: Vec<Option<Option<TensorType>>>,
    ) -> Result<Vec<Option<TensorType>>> {
        Ok(written.into_iter().map(Option::flatten).collect())
    }
}

impl Read for Core {
    /// Small integers that are known, for inference through shape arithmetic.
    type Memory = HashMap<ValueId, Known>;

    fn op(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Op> {
        core_op(c, constants)
    }

    fn written(ty: TensorType) -> TensorType {
        ty
    }

    fn unknown() -> Option<TensorType> {
        None
    }

    fn results(
        memory: &Self::Memory,
        graph: &CoreGraph,
        op: &Op,
        inputs: &[Option<ValueId>],
        written: Vec<Option<TensorType>>,
    ) -> Result<Vec<TensorType>> {
        if written.iter().all(Option::is_some) {
            return Ok(written.into_iter().flatten().collect());
        }
        let inferred = infer::infer(op, &operands(memory, graph, inputs))?;
        if inferred.len() != written.len() {
            return Err(Diagnostic::error(Code::IR_PARSE, format!("`{}` has another number of results", op.name()))
                .expected(inferred.len().to_string())
                .found(written.len().to_string()));
        }
        Ok(written.into_iter().zip(inferred).map(|(w, i)| w.unwrap_or(i)).collect())
    }

    fn added(memory: &mut Self::Memory, graph: &CoreGraph, inputs: &[Option<ValueId>], results: &[ValueId]) {
        let (Some(&first), Some(node)) = (results.first(), graph.nodes().last()) else { return };
        let types: Vec<_> = results.iter().map(|&id| graph.ty(id).clone()).collect();
        let known = infer::known_results(&node.op, &operands(memory, graph, inputs), &types);
        memory.extend(known.map(|k| (first, k)));
    }
}

fn operands<'a>(
    memory: &'a HashMap<ValueId, Known>,
    graph: &'a CoreGraph,
    inputs: &[Option<ValueId>],
) -> Vec<Option<Operand<'a>>> {
    let operand = |id| Operand { ty: graph.ty(id), constant: graph.constant(id), known: memory.get(&id) };
    inputs.iter().map(|i| i.map(operand)).collect()
}

/// `Conv{strides=[1, 1], …}`; bodies of `If` and `Loop` are graphs.
fn core_op(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Op> {
    let at = c.position();
    let name = c.ident("the name of a core op")?;
    let mut attrs = BTreeMap::new();
    let mut bodies = BTreeMap::new();
    if c.at("{") {
        c.list("{", "}", |c| {
            let at = c.position();
            let key = c.name("the name of an attribute")?;
            c.expect("=")?;
            let twice = if c.at_word("core") {
                bodies.insert(key.clone(), c.nested(|c| graph::<Core>(c, constants))?).is_some()
            } else {
                attrs.insert(key.clone(), value::parse_attr(c, constants)?).is_some()
            };
            if twice { Err(c.error_at(at, format!("attribute {} is given twice", quote(&key)))) } else { Ok(()) }
        })?;
    }
    make_core_op(&name, attrs, bodies).map_err(|message| {
        let d = c.error_at(at, message);
        match closest(&name) {
            Some(other) if other != name => d.help(format!("is `{other}` meant?")),
            _ => d,
        }
    })
}

fn make_core_op(
    name: &str,
    attrs: BTreeMap<String, Attr>,
    mut bodies: BTreeMap<String, CoreGraph>,
) -> std::result::Result<Op, String> {
    let mut body =
        |key: &str| bodies.remove(key).map(Box::new).ok_or_else(|| format!("`{name}` needs a graph `{key}`"));
    let op = match name {
        "If" if attrs.is_empty() => Op::If { then_branch: body("then_branch")?, else_branch: body("else_branch")? },
        "Loop" if attrs.keys().eq(["carried"]) => {
            let carried = attrs.get("carried").and_then(Attr::as_int).and_then(|n| n.try_into().ok());
            Op::Loop { carried: carried.ok_or("`carried` is not a number of values")?, body: body("body")? }
        }
        _ => Op::from_attrs(name, attrs).map_err(|e| e.to_string())?,
    };
    match bodies.keys().next() {
        Some(key) => Err(format!("`{name}` has no graph `{key}`")),
        None => Ok(op),
    }
}

/// The core op whose name is nearest to `name`, when it is near at all.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let near = |n: &&str| {
        let n = n.to_lowercase();
        (name.len() > 2 && (n.starts_with(&name) || name.starts_with(&n))) || n == name
    };
    Op::all_names().into_iter().filter(near).min_by_key(|n| n.len().abs_diff(name.len()))
}

/// `core "name" { … }`.
pub(super) fn graph<S: Read>(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Graph<S>> {
    c.expect_word(S::WORD)?;
    let graph = Graph::new(c.string("the name of the graph, in quotes")?);
    c.expect("{")?;
    let mut parser = Parser { graph, labels: HashMap::new(), memory: S::Memory::default(), constants };
    while !c.eat("}") {
        parser.statement(c)?;
    }
    Ok(parser.graph)
}

struct Parser<'a, S: Read> {
    graph: Graph<S>,
    labels: HashMap<String, ValueId>,
    memory: S::Memory,
    constants: &'a mut dyn Constants,
}

/// A value on the left of a statement.
struct Defined<S: Read> {
    at: usize,
    label: String,
    name: String,
    ty: Option<S::Type>,
    unknown: bool,
}

impl<S: Read> Parser<'_, S> {
    fn statement(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        match c.peek() {
            Token::Ident(word) if word == "input" => self.input(c),
            Token::Ident(word) if word == "const" => self.constant(c),
            Token::Ident(word) if word == "output" => self.output(c),
            Token::Ident(word) if word == "provenance" => self.provenance(c),
            Token::Ident(word) if word == "_" => {
                c.bump();
                self.node(c, Vec::new())
            }
            Token::Value(_) => {
                let mut defined = vec![self.defined(c)?];
                while c.eat(",") {
                    defined.push(self.defined(c)?);
                }
                self.node(c, defined)
            }
            _ => Err(c.unexpected("`input`, `const`, `output`, a value such as `%1`, or `}`")),
        }
    }

    /// `%3 "name": f32[2]`; a value without a name takes its label, unless that is a number.
    fn defined(&mut self, c: &mut Cursor<'_>) -> Result<Defined<S>> {
        let at = c.position();
        let Token::Value(label) = c.peek().clone() else { return Err(c.unexpected("a value such as `%1`")) };
        c.bump();
        if let Token::Bad(_) = c.peek() {
            return Err(c.unexpected("a name in quotes, or a type"));
        }
        let name = if let Token::Str(_) = c.peek() {
            c.string("a name")?
        } else if label.bytes().all(|b| b.is_ascii_digit()) {
            String::new()
        } else {
            label.clone()
        };
        let typed = c.eat(":");
        let unknown = typed && c.eat("?");
        let ty = if unknown {
            S::unknown()
        } else if typed {
            Some(S::written(value::parse_type(c)?))
        } else {
            None
        };
        Ok(Defined { at, label, name, ty, unknown })
    }

    fn label(&mut self, c: &Cursor<'_>, defined: &Defined<S>, id: ValueId) -> Result<()> {
        if self.labels.insert(defined.label.clone(), id).is_some() {
            return Err(c.error_at(defined.at, format!("`%{}` is defined twice", defined.label)));
        }
        Ok(())
    }

    fn input(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        c.bump();
        let mut defined = self.defined(c)?;
        let Some(ty) = defined.ty.take().or_else(S::unknown) else {
            return Err(c.error_at(defined.at, format!("input `%{}` needs a type", defined.label)));
        };
        let id = self.graph.add_input(defined.name.clone(), ty);
        self.label(c, &defined, id)
    }

    fn constant(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        c.bump();
        let mut defined = self.defined(c)?;
        c.expect("=")?;
        let tensor = constant::parse(c, self.constants)?;
        let ty = if defined.unknown { S::unknown() } else { defined.ty.take() };
        let ty = ty.unwrap_or_else(|| S::of_constant(&tensor));
        let id = self.graph.add_typed_const(defined.name.clone(), ty, tensor);
        self.label(c, &defined, id)
    }

    fn output(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        c.bump();
        let name = c.string("the name of the output, in quotes")?;
        c.expect("=")?;
        let Some(id) = self.used(c)? else { return Err(c.unexpected("a value such as `%1`")) };
        self.graph.add_output(name, id);
        Ok(())
    }

    fn provenance(&mut self, c: &mut Cursor<'_>) -> Result<()> {
        c.bump();
        let at = c.position();
        let map = value::parse_map(c, self.constants)?;
        self.graph.provenance =
            provenance::from_attrs(&map).ok_or_else(|| c.error_at(at, "this is not a provenance"))?;
        Ok(())
    }

    /// A value that is used; `None` for `_`, an operand that is absent.
    fn used(&mut self, c: &mut Cursor<'_>) -> Result<Option<ValueId>> {
        if c.eat_word("_") {
            return Ok(None);
        }
        let Token::Value(label) = c.peek() else { return Err(c.unexpected("a value such as `%1`, or `_`")) };
        let id = self.labels.get(label).copied();
        let id = id.ok_or_else(|| {
            c.error_at(c.position(), format!("`%{label}` is not defined before it is used"))
                .expected("a value that is defined above")
                .found(format!("`%{label}`"))
        })?;
        c.bump();
        Ok(Some(id))
    }

    fn node(&mut self, c: &mut Cursor<'_>, mut defined: Vec<Defined<S>>) -> Result<()> {
        c.expect("=")?;
        let at = c.position();
        let op = <S as Read>::op(c, self.constants)?;
        let inputs = c.list("(", ")", |c| self.used(c))?;
        let first = defined.first().map(|d| d.name.clone()).unwrap_or_default();
        let name = if c.eat("@") { c.string("the name of the node, in quotes")? } else { first };
        let written = defined.iter_mut().map(|d| d.ty.take()).collect();
        let types = S::results(&self.memory, &self.graph, &op, &inputs, written).map_err(|d| {
            let (line, column) = c.line_column(at);
            let mut d = d.at_node(name.clone());
            d.message = format!("line {line}, column {column}: {}", d.message);
            d
        })?;
        let results = defined.iter().zip(types).map(|(d, ty)| (d.name.clone(), ty)).collect();
        let ids = self.graph.add_node(op, inputs.clone(), name, results);
        for (d, &id) in defined.iter().zip(&ids) {
            self.label(c, d, id)?;
        }
        S::added(&mut self.memory, &self.graph, &inputs, &ids);
        Ok(())
    }
}
