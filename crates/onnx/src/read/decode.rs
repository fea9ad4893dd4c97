//! ONNX messages as far as the reader needs them. Field numbers: `onnx/onnx.proto` of onnx 1.23.

use crate::wire::Fields;
use modelport_diag::{Code, Diagnostic, Limits, Result};

/// A `ModelProto`.
#[derive(Default)]
pub(super) struct Model<'a> {
    pub(super) ir_version: i64,
    pub(super) producer: String,
    pub(super) producer_version: String,
    pub(super) graph: Option<Fields<'a>>,
    pub(super) opsets: Vec<(String, i64)>,
    /// Domain and name of each function that the model brings along, and the function.
    pub(super) functions: Vec<((String, String), Fields<'a>)>,
    pub(super) metadata: Vec<(String, String)>,
}

/// A `GraphProto`; tensors and bodies stay where they are.
#[derive(Default)]
pub(super) struct GraphP<'a> {
    pub(super) name: String,
    pub(super) nodes: Vec<NodeP<'a>>,
    pub(super) tensors: Vec<Fields<'a>>,
    pub(super) inputs: Vec<ValueP>,
    pub(super) outputs: Vec<String>,
    pub(super) sparse: bool,
}

/// A `FunctionProto`: nodes over the names of its inputs.
#[derive(Default)]
pub(super) struct FunctionP<'a> {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) nodes: Vec<NodeP<'a>>,
    /// Attributes with defaults.
    pub(super) defaults: Vec<AttrP<'a>>,
    pub(super) opsets: Vec<(String, i64)>,
}

/// A `NodeProto`.
#[derive(Clone, Default)]
pub(super) struct NodeP<'a> {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) name: String,
    pub(super) op_type: String,
    pub(super) domain: String,
    pub(super) attrs: Vec<AttrP<'a>>,
    pub(super) at: u64,
}

/// An `AttributeProto`.
#[derive(Clone, Default)]
pub(super) struct AttrP<'a> {
    pub(super) name: String,
    /// The attribute of the function's call that this one is.
    pub(super) reference: String,
    pub(super) kind: i64,
    pub(super) float: f32,
    pub(super) int: i64,
    pub(super) text: &'a [u8],
    pub(super) tensor: Option<Fields<'a>>,
    pub(super) graph: Option<Fields<'a>>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) texts: Vec<&'a [u8]>,
}

/// A graph input: name, element type and dimensions, where it is a tensor.
#[derive(Default)]
pub(super) struct ValueP {
    pub(super) name: String,
    pub(super) elem: Option<i64>,
    pub(super) dims: Option<Vec<DimP>>,
}

/// A dimension as declared.
pub(super) enum DimP {
    Value(i64),
    Param(String),
    Unknown,
}

fn entry(mut f: Fields<'_>) -> Result<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

pub(super) fn entries(f: Fields<'_>) -> Result<(String, String)> {
    entry(f)
}

pub(super) fn model<'a>(mut f: Fields<'a>) -> Result<Model<'a>> {
    let mut m = Model::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => m.ir_version = field.int()?,
            2 => m.producer = field.text()?,
            3 => m.producer_version = field.text()?,
            7 => m.graph = Some(field.message()?),
            8 => m.opsets.push(opset(field.message()?)?),
            14 => m.metadata.push(entry(field.message()?)?),
            25 => {
                let function = field.message()?;
                m.functions.push((function_name(function)?, function));
            }
            _ => {}
        }
    }
    Ok(m)
}

fn opset(mut f: Fields<'_>) -> Result<(String, i64)> {
    let (mut domain, mut version) = (String::new(), 0);
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

fn function_name(mut f: Fields<'_>) -> Result<(String, String)> {
    let (mut domain, mut name) = (String::new(), String::new());
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => name = field.text()?,
            10 => domain = field.text()?,
            _ => {}
        }
    }
    Ok((domain, name))
}

pub(super) fn function<'a>(mut f: Fields<'a>) -> Result<FunctionP<'a>> {
    let mut function = FunctionP::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            4 => function.inputs.push(field.text()?),
            5 => function.outputs.push(field.text()?),
            7 => function.nodes.push(node(field.message()?, field.at)?),
            9 => function.opsets.push(opset(field.message()?)?),
            11 => function.defaults.push(attr(field.message()?)?),
            _ => {}
        }
    }
    Ok(function)
}

pub(super) fn graph<'a>(mut f: Fields<'a>, limits: &Limits) -> Result<GraphP<'a>> {
    let mut g = GraphP::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => g.nodes.push(node(field.message()?, field.at)?),
            2 => g.name = field.text()?,
            5 => g.tensors.push(field.message()?),
            11 => g.inputs.push(value(field.message()?)?),
            12 => g.outputs.push(value(field.message()?)?.name),
            15 => g.sparse = true,
            _ => {}
        }
        if g.nodes.len() + g.tensors.len() + g.inputs.len() + g.outputs.len() > limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the graph has too many nodes and values")
                .expected(format!("at most {}", limits.objects)));
        }
    }
    Ok(g)
}

fn node<'a>(mut f: Fields<'a>, at: u64) -> Result<NodeP<'a>> {
    let mut n = NodeP { at, ..NodeP::default() };
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => n.inputs.push(field.text()?),
            2 => n.outputs.push(field.text()?),
            3 => n.name = field.text()?,
            4 => n.op_type = field.text()?,
            5 => n.attrs.push(attr(field.message()?)?),
            7 => n.domain = field.text()?,
            _ => {}
        }
    }
    Ok(n)
}

fn attr<'a>(mut f: Fields<'a>) -> Result<AttrP<'a>> {
    let mut a = AttrP::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => a.name = field.text()?,
            2 => a.float = field.float()?,
            3 => a.int = field.int()?,
            4 => a.text = field.bytes()?.0,
            5 => a.tensor = Some(field.message()?),
            6 => a.graph = Some(field.message()?),
            7 => field.floats(&mut a.floats)?,
            8 => field.ints(&mut a.ints)?,
            9 => a.texts.push(field.bytes()?.0),
            20 => a.kind = field.int()?,
            21 => a.reference = field.text()?,
            _ => {}
        }
    }
    Ok(a)
}

fn value(mut f: Fields<'_>) -> Result<ValueP> {
    let mut v = ValueP::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => v.name = field.text()?,
            2 => {
                let mut kind = field.message()?;
                while let Some(field) = kind.next_field()? {
                    if field.number == 1 {
                        tensor_type(field.message()?, &mut v)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(v)
}

fn tensor_type(mut f: Fields<'_>, v: &mut ValueP) -> Result<()> {
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => v.elem = Some(field.int()?),
            2 => {
                let mut dims = Vec::new();
                let mut shape = field.message()?;
                while let Some(field) = shape.next_field()? {
                    if field.number == 1 {
                        dims.push(dim(field.message()?)?);
                    }
                }
                v.dims = Some(dims);
            }
            _ => {}
        }
    }
    Ok(())
}

fn dim(mut f: Fields<'_>) -> Result<DimP> {
    let mut d = DimP::Unknown;
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => d = DimP::Value(field.int()?),
            2 => d = DimP::Param(field.text()?),
            _ => {}
        }
    }
    Ok(d)
}
