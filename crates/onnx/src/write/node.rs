//! A `NodeProto` under construction.

use crate::wire::Message;
use modelport_ir::{Attr, Tensor};

/// A node: operator, operands by name, attributes already encoded.
#[derive(Debug, Default)]
pub(super) struct NodeOut {
    pub(super) op_type: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attrs: Message,
}

/// `AttributeProto.type` numbers. Source: `onnx/onnx.proto` of onnx 1.23.
const FLOAT: i64 = 1;
const INT: i64 = 2;
const STRING: i64 = 3;
const TENSOR: i64 = 4;
const GRAPH: i64 = 5;
const FLOATS: i64 = 6;
const INTS: i64 = 7;
const STRINGS: i64 = 8;

impl NodeOut {
    fn attr(&mut self, name: &str, kind: i64, fill: impl FnOnce(&mut Message)) {
        let mut a = Message::default();
        a.text(1, name);
        fill(&mut a);
        a.int(20, kind);
        self.attrs.message(5, &a);
    }

    pub(super) fn int(&mut self, name: &str, v: i64) {
        self.attr(name, INT, |a| a.int(3, v));
    }

    /// Writes the attribute unless it is the operator's default.
    pub(super) fn int_unless(&mut self, default: i64, name: &str, v: i64) {
        if v != default {
            self.int(name, v);
        }
    }

    pub(super) fn flag(&mut self, name: &str, v: bool) {
        self.int_unless(0, name, v.into());
    }

    pub(super) fn float(&mut self, name: &str, v: f64) {
        self.attr(name, FLOAT, |a| a.float(2, v as f32));
    }

    pub(super) fn float_unless(&mut self, default: f64, name: &str, v: f64) {
        if v != default {
            self.float(name, v);
        }
    }

    pub(super) fn text(&mut self, name: &str, v: &str) {
        self.attr(name, STRING, |a| a.text(4, v));
    }

    pub(super) fn text_unless(&mut self, default: &str, name: &str, v: &str) {
        if v != default {
            self.text(name, v);
        }
    }

    pub(super) fn ints(&mut self, name: &str, v: &[i64]) {
        self.attr(name, INTS, |a| v.iter().for_each(|&v| a.int(8, v)));
    }

    pub(super) fn sizes(&mut self, name: &str, v: &[usize]) {
        self.ints(name, &v.iter().map(|&v| v as i64).collect::<Vec<_>>());
    }

    pub(super) fn floats(&mut self, name: &str, v: &[f64]) {
        self.attr(name, FLOATS, |a| v.iter().for_each(|&v| a.float(7, v as f32)));
    }

    pub(super) fn texts(&mut self, name: &str, v: &[&str]) {
        self.attr(name, STRINGS, |a| v.iter().for_each(|v| a.text(9, v)));
    }

    pub(super) fn graph(&mut self, name: &str, graph: &Message) {
        self.attr(name, GRAPH, |a| a.message(6, graph));
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor) -> modelport_diag::Result<()> {
        let mut t = super::stream::header("", tensor);
        if tensor.strings().is_none() {
            t.bytes(9, &tensor.bytes()?);
        }
        self.attr(name, TENSOR, |a| a.message(5, &t));
        Ok(())
    }

    /// An attribute of a custom op. What ONNX has no type for (mappings, mixed lists) is written as JSON text.
    pub(super) fn any(&mut self, name: &str, v: &Attr) -> modelport_diag::Result<()> {
        match v {
            Attr::None => {}
            Attr::Bool(b) => self.int(name, (*b).into()),
            Attr::Int(i) => self.int(name, *i),
            Attr::Float(f) => self.float(name, *f),
            Attr::Str(s) => self.text(name, s),
            Attr::DType(d) => self.int(name, crate::code::of(*d)),
            Attr::Tensor(t) => self.tensor(name, t)?,
            Attr::List(l) => {
                let ints: Option<Vec<i64>> =
                    l.iter().map(|a| if let Attr::Int(i) = a { Some(*i) } else { None }).collect();
                let floats: Option<Vec<f64>> = l.iter().map(Attr::as_float).collect();
                let texts: Option<Vec<&str>> = l.iter().map(Attr::as_str).collect();
                match (ints, floats, texts) {
                    (Some(v), ..) => self.ints(name, &v),
                    (_, Some(v), _) => self.floats(name, &v),
                    (.., Some(v)) => self.texts(name, &v),
                    _ => self.text(name, &json(v)),
                }
            }
            Attr::Map(_) | Attr::Op(_) | Attr::Graph(_) => self.text(name, &json(v)),
        }
        Ok(())
    }

    /// The encoded `NodeProto`.
    pub(super) fn encode(mut self, name: &str) -> Message {
        while self.inputs.last().is_some_and(String::is_empty) {
            self.inputs.pop();
        }
        while self.outputs.last().is_some_and(String::is_empty) {
            self.outputs.pop();
        }
        let mut m = Message::default();
        self.inputs.iter().for_each(|i| m.text(1, i));
        self.outputs.iter().for_each(|o| m.text(2, o));
        m.text(3, name);
        m.text(4, &self.op_type);
        m.append(&self.attrs);
        if !self.domain.is_empty() {
            m.text(7, &self.domain);
        }
        m
    }
}

fn json(v: &Attr) -> String {
    let quoted = |s: &str| {
        let mut out = String::from("\"");
        for c in s.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
                c => out.push(c),
            }
        }
        out + "\""
    };
    match v {
        Attr::None => "null".into(),
        Attr::Bool(b) => b.to_string(),
        Attr::Int(i) => i.to_string(),
        Attr::Float(f) if f.is_finite() => format!("{f:?}"),
        Attr::Float(f) => quoted(&f.to_string()),
        Attr::Str(s) => quoted(s),
        Attr::DType(d) => quoted(d.name()),
        Attr::List(l) => format!("[{}]", l.iter().map(json).collect::<Vec<_>>().join(",")),
        Attr::Map(m) => {
            let entries: Vec<_> = m.iter().map(|(k, v)| format!("{}:{}", quoted(k), json(v))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Attr::Tensor(t) => quoted(&t.ty().to_string()),
        Attr::Op(op) => quoted(&op.name),
        Attr::Graph(g) => quoted(&g.name),
    }
}
