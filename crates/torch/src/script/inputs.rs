//! Inputs and outputs of the model: the arguments of `forward` and what it returns, tensors by name.
//!
//! Owns: names, and what the file or the user says of the inputs' types. Must never know: how methods are evaluated.

use super::ast::{Expr, ExprKind, Param};
use super::machine::{Machine, Step, Stop, damaged, unsupported};
use super::program::ClassKind;
use super::value::{Dict, Env, Handle, Kind, Obj, Ref, Value};
use modelport_diag::{Code, Diagnostic};
use modelport_ir::{DType, Dim, TensorType};
use modelport_pickle::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Types of arguments that are numbers.
const NUMBERS: &[&str] = &["bool", "float", "int", "number"];
/// Up to here f64 has all integers.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// What is known of the inputs' types, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct InputTypes {
    /// By the user.
    pub(super) given: BTreeMap<String, TensorType>,
    /// Values for good, by the user.
    pub(super) values: BTreeMap<String, f64>,
    /// By the examples that the model was traced with, else assumed.
    pub(super) assumed: BTreeMap<String, TensorType>,
    /// Shapes of the examples, by argument and place in it.
    pub(super) examples: BTreeMap<String, Example>,
    /// Names in use.
    pub(super) names: BTreeSet<String>,
    /// Open dicts, and the names of the arguments that they are.
    pub(super) dicts: BTreeMap<Ref, String>,
}

/// An example that a model was traced with.
#[derive(Clone, Debug)]
pub(super) enum Example {
    Tensor(DType, Vec<usize>),
    List(usize),
    Dict(Vec<String>),
}

impl InputTypes {
    /// The type of an input.
    fn ty(&self, name: &str) -> Option<TensorType> {
        self.given.get(name).or_else(|| self.assumed.get(name)).cloned()
    }

    /// A name that no input has.
    fn fresh(&mut self, name: &str) -> String {
        let mut fresh = name.to_owned();
        let mut n = 1;
        while !self.names.insert(fresh.clone()) {
            n += 1;
            fresh = format!("{name}_{n}");
        }
        fresh
    }
}

impl Machine {
    /// The arguments of `forward`.
    pub(super) fn arguments_of(&mut self, params: &[Param]) -> Step<Vec<Value>> {
        let mut out = Vec::new();
        for p in params {
            let key = p.name.to_string();
            out.push(self.argument(&p.name, p.ty.as_ref(), p.default.as_ref(), &key)?);
        }
        Ok(out)
    }

    fn argument(&mut self, name: &str, ty: Option<&Expr>, default: Option<&Expr>, key: &str) -> Step<Value> {
        self.charge(1)?;
        self.deeper(|m| m.argument_of(name, ty, default, key))
    }

    fn argument_of(&mut self, name: &str, ty: Option<&Expr>, default: Option<&Expr>, key: &str) -> Step<Value> {
        let Some(ty) = ty else { return self.input_tensor(name) };
        let (base, args) = generic(ty);
        let given = self.inputs.given.contains_key(name)
            || self.inputs.values.contains_key(name)
            || self.inputs.examples.contains_key(key);
        match base.as_str() {
            "Tensor" => self.input_tensor(name),
            "Optional" => match (given, default, args.first()) {
                (false, Some(d), _) => self.eval(d, &mut Env::new()),
                (false, None, _) => Ok(Value::None),
                (true, _, inner) => self.argument(name, inner, None, key),
            },
            number if NUMBERS.contains(&number) && self.inputs.values.contains_key(name) => self.fixed(name, number),
            number if NUMBERS.contains(&number) => match default {
                Some(d) if !given => self.eval(d, &mut Env::new()),
                _ => {
                    let kind = match base.as_str() {
                        "int" => Kind::Int,
                        "bool" => Kind::Bool,
                        _ => Kind::Float,
                    };
                    let name = self.inputs.fresh(name);
                    let h = self.add_input(&name, Some(TensorType::known(kind.dtype(), &[])))?;
                    Ok(Value::Num(kind, h))
                }
            },
            _ if default.is_some() && !given => match default {
                Some(d) => self.eval(d, &mut Env::new()),
                None => Ok(Value::None),
            },
            "List" => {
                let n = match self.inputs.examples.get(key) {
                    Some(Example::List(n)) => *n,
                    _ => self.given_count(name),
                };
                let mut items = Vec::new();
                for i in 0..n {
                    let (name, key) = (format!("{name}_{i}"), format!("{key}/{i}"));
                    items.push(self.argument(&name, args.first(), None, &key)?);
                }
                self.new_list(items)
            }
            "Tuple" => {
                let mut items = Vec::new();
                for (i, t) in args.iter().enumerate() {
                    let (name, key) = (format!("{name}_{i}"), format!("{key}/{i}"));
                    items.push(self.argument(&name, Some(t), None, &key)?);
                }
                self.new_tuple(items)
            }
            "Dict" => self.input_dict(name, args.get(1), key),
            _ if base.starts_with("__torch__") => self.input_tuple(name, &base, key),
            _ => Err(unsupported(format!("the model takes the argument `{name}` of the type `{base}`"))),
        }
    }

    /// A number that the user said, so that what depends on it is decided now.
    fn fixed(&mut self, name: &str, ty: &str) -> Step<Value> {
        let value = self.inputs.values.get(name).copied().unwrap_or_default();
        let whole = value.fract() == 0.0 && value.abs() <= MOST_EXACT;
        Ok(match ty {
            "bool" if value == 0.0 || value == 1.0 => Value::Bool(value == 1.0),
            "int" | "number" if whole => Value::Int(value as i64),
            "float" | "number" => Value::Float(value),
            _ => {
                let d = Diagnostic::error(Code::USAGE, format!("`{name}` of the model is of the type {ty}"));
                return Err(Stop::Fail(d.found(value.to_string())));
            }
        })
    }

    /// How many elements of a list the user gave types for; one when none.
    fn given_count(&mut self, name: &str) -> usize {
        let n = (0..1000).take_while(|i| self.inputs.given.contains_key(&format!("{name}_{i}"))).count();
        if n == 0 {
            self.note(format!(
                "the model takes a list `{name}` of any length: one of length 1 is taken; say otherwise with \
                 --input-type {name}_0=TYPE --input-type {name}_1=TYPE"
            ));
        }
        n.max(1)
    }

    fn input_tensor(&mut self, name: &str) -> Step<Value> {
        let name = self.inputs.fresh(name);
        let ty = self.inputs.ty(&name);
        let h = self.add_input(&name, ty)?;
        self.new_tensor(h)
    }

    fn input_dict(&mut self, name: &str, value: Option<&Expr>, key: &str) -> Step<Value> {
        let Some(Example::Dict(keys)) = self.inputs.examples.get(key).cloned() else {
            let r = self.alloc(Obj::Dict(Dict { entries: Vec::new(), open: true }))?;
            self.inputs.dicts.insert(r, name.to_owned());
            return Ok(Value::Dict(r));
        };
        let mut dict = Dict::default();
        for k in keys {
            let v = self.argument(&k, value, None, &format!("{key}/{k}"))?;
            dict.entries.push((Value::str(&k), v));
        }
        Ok(Value::Dict(self.alloc(Obj::Dict(dict))?))
    }

    /// An entry of a dict that is an input: an input by the name of its key.
    pub(super) fn open_entry(&mut self, r: Ref, key: &Value) -> Step<Value> {
        let Value::Str(k) = key else {
            return Err(unsupported("the model takes a dict whose keys are no strings"));
        };
        let name = self.inputs.fresh(k);
        let ty = self.inputs.ty(&name);
        // It belongs to the graph itself, also when a branch asks first.
        let inner = self.frames.split_off(1.min(self.frames.len()));
        let h = self.add_input(&name, ty);
        self.frames.extend(inner);
        let v = self.new_tensor(h?)?;
        // Not undone with a branch: the input stays.
        let journals = std::mem::take(&mut self.journals);
        let entry = (key.clone(), v.clone());
        let pushed = self.dict_mut(r).map(|d| d.entries.push(entry));
        self.journals = journals;
        pushed?;
        Ok(v)
    }

    fn input_tuple(&mut self, name: &str, class: &str, key: &str) -> Step<Value> {
        let info = self.program.class(class)?;
        if info.kind != ClassKind::NamedTuple {
            return Err(unsupported(format!("the model takes the argument `{name}` of the class `{class}`")));
        }
        let mut items = Vec::new();
        for (i, f) in info.fields.iter().enumerate() {
            items.push(self.argument(&f.name, f.ty.as_ref(), f.value.as_ref(), &format!("{key}/{i}"))?);
        }
        Ok(Value::Tuple(self.alloc(Obj::Tuple(items, Some(info.qualified.clone())))?))
    }

    /// Names what the model returns: tensors and numbers, out of tuples, lists and dicts.
    pub(super) fn outputs_of(&mut self, v: &Value) -> Step<()> {
        let mut all = Vec::new();
        self.collect_outputs(v, None, &mut all)?;
        if all.is_empty() {
            return Err(unsupported("the model returns no tensor"));
        }
        let mut used = BTreeSet::new();
        for (i, (name, h)) in all.into_iter().enumerate() {
            let plain = if i == 0 { "output".to_owned() } else { format!("output_{i}") };
            let name = name.filter(|n| !used.contains(n)).unwrap_or(plain);
            used.insert(name.clone());
            let id = self.resolve(h)?;
            self.frame()?.emit.output(name, id);
        }
        Ok(())
    }

    fn collect_outputs(&mut self, v: &Value, name: Option<&str>, out: &mut Vec<(Option<String>, Handle)>) -> Step<()> {
        self.charge(1)?;
        let named = |h| (name.map(str::to_owned), h);
        match v {
            Value::Tensor(r) => {
                let h = self.current(*r)?;
                out.push(named(h));
            }
            Value::Num(..) | Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                let h = self.number_handle(v)?;
                out.push(named(h));
            }
            Value::List(r) | Value::Tuple(r) => {
                let class = if let Obj::Tuple(_, Some(class)) = self.obj(*r) { Some(class.clone()) } else { None };
                let fields: Vec<Rc<str>> = match class {
                    Some(class) => self.program.class(&class)?.fields.iter().map(|f| f.name.clone()).collect(),
                    None => Vec::new(),
                };
                for (i, item) in self.list(*r).to_vec().iter().enumerate() {
                    let name = fields.get(i).map(|n| &**n);
                    self.deeper(|m| m.collect_outputs(item, name, out))?;
                }
            }
            Value::Dict(r) => {
                for (k, v) in self.dict(*r)?.entries.clone() {
                    let k = self.show(&k);
                    self.deeper(|m| m.collect_outputs(&v, Some(&k), out))?;
                }
            }
            Value::None => {}
            Value::Lost(why) => return Err(unsupported(why.to_string())),
            Value::Str(_) | Value::Device(_) | Value::Enum(_) | Value::Complex(..) => {
                self.note(format!("the model also returns {} that is no tensor; it is left out", v.type_name()));
            }
            _ => return Err(unsupported(format!("the model returns {}", v.type_name()))),
        }
        Ok(())
    }
}

/// Whether an argument is a number, or may be one.
pub(super) fn is_number(param: &Param) -> bool {
    let Some((base, args)) = param.ty.as_ref().map(generic) else { return false };
    let inner = args.first().map(|ty| generic(ty).0);
    NUMBERS.contains(&base.as_str()) || base == "Optional" && inner.is_some_and(|ty| NUMBERS.contains(&ty.as_str()))
}

/// A type's name and arguments: `Optional[Tensor]`.
fn generic(ty: &Expr) -> (String, Vec<Expr>) {
    match &ty.kind {
        ExprKind::Index(base, args) => {
            let args = match &args.kind {
                ExprKind::Tuple(items) => items.clone(),
                _ => vec![(**args).clone()],
            };
            (base.dotted().unwrap_or_default(), args)
        }
        _ => (ty.dotted().unwrap_or_default(), Vec::new()),
    }
}

/// The examples in `traced_inputs.pkl` (since torch 2.0): shapes and dtypes, without elements.
pub(super) fn examples(root: Node<'_>, params: &[Param]) -> BTreeMap<String, Example> {
    let mut out = BTreeMap::new();
    let root = untagged(root);
    let list = root.get("forward").map(untagged);
    let items: Vec<Node<'_>> = list.and_then(Node::items).into_iter().flatten().collect();
    for (p, node) in params.iter().zip(items) {
        example(untagged(node), &p.name, 0, &mut out);
    }
    out
}

fn example(node: Node<'_>, key: &str, depth: usize, out: &mut BTreeMap<String, Example>) {
    if depth > 8 || out.len() > 10_000 {
        return;
    }
    if let Some((dtype, shape)) = tensor_meta(node) {
        out.insert(key.to_owned(), Example::Tensor(dtype, shape));
    } else if let Some(entries) = node.entries() {
        let keys = entries.iter().filter_map(|(k, _)| k.str().map(str::to_owned)).collect();
        out.insert(key.to_owned(), Example::Dict(keys));
        for (k, v) in entries {
            if let Some(k) = k.str() {
                example(untagged(v), &format!("{key}/{k}"), depth + 1, out);
            }
        }
    } else if let Some(items) = node.items() {
        let items: Vec<_> = items.collect();
        out.insert(key.to_owned(), Example::List(items.len()));
        for (i, n) in items.into_iter().enumerate() {
            example(untagged(n), &format!("{key}/{i}"), depth + 1, out);
        }
    }
}

/// Without the call that restores a list's or dict's type.
fn untagged(node: Node<'_>) -> Node<'_> {
    match node.class() {
        Some(class) if &*class.module == "torch.jit._pickle" => node.arg(0).unwrap_or(node),
        _ => node,
    }
}

/// Element type and shape of a tensor whose elements are not there.
fn tensor_meta(node: Node<'_>) -> Option<(DType, Vec<usize>)> {
    if !node.class().is_some_and(|c| c.name.starts_with("_rebuild_tensor")) {
        return None;
    }
    let storage = node.arg(0)?.persistent_id()?.item(1)?;
    let class = storage.global()?;
    let dtype = crate::archive::ScalarType::of_storage(&class.name)?.dtype?;
    let shape = node.arg(2)?.ints()?.into_iter().map(|i| usize::try_from(i).ok()).collect::<Option<Vec<_>>>()?;
    Some((dtype, shape))
}

/// The inputs' types by the examples: the first dimension is a batch of any size, where `batch` is asked for.
pub(super) fn types_of(
    examples: &BTreeMap<String, Example>,
    params: &[Param],
    batch: bool,
) -> BTreeMap<String, TensorType> {
    let mut out = BTreeMap::new();
    let order: BTreeMap<&str, usize> = params.iter().enumerate().map(|(i, p)| (&*p.name, i)).collect();
    let mut all: Vec<_> = examples.iter().collect();
    all.sort_by_key(|(k, _)| order.get(k.split('/').next().unwrap_or(k)).copied());
    let mut size = None;
    for (key, e) in all {
        let Example::Tensor(dtype, shape) = e else { continue };
        let mut dims: Vec<Dim> = shape.iter().map(|&n| Dim::Known(n)).collect();
        if let (true, Some(first), true) = (batch, dims.first_mut(), shape.len() > 1) {
            let n = shape.first().copied();
            if size.is_none() || size == n {
                size = n;
                *first = Dim::symbol("N");
            }
        }
        out.insert(input_name(key), TensorType::new(*dtype, dims));
    }
    out
}

/// The name of an input by its place: elements of lists by number, entries of dicts by key.
fn input_name(key: &str) -> String {
    let mut parts = key.split('/');
    let first = parts.next().unwrap_or(key).to_owned();
    parts
        .fold(first, |name, p| if p.bytes().all(|b| b.is_ascii_digit()) { format!("{name}_{p}") } else { p.to_owned() })
}

/// Nothing is known but the name.
pub(super) fn no_forward() -> super::machine::Stop {
    damaged("the model has no method `forward`")
}
