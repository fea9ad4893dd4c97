//! Archives of torch 1.0 to 1.2: the tree of modules stands in `model.json`, their tensors in `tensors/`, other attributes
//! in `attributes.pkl`, each module's methods in a file of `code/`, classes that they use in `libs/`
//! (`torch/csrc/jit/serialization/import_legacy.cpp`, `caffe2/proto/torch.proto`).
//!
//! Owns: that layout, as the objects and classes that newer archives have. Must never know: how code is evaluated.

use super::machine::{Machine, Step, Stop, damaged};
use super::objects::{Loader, join};
use super::program::Program;
use super::run::{Model, Objects, evaluate};
use super::value::{Obj, Object, Value};
use crate::archive::{Pickled, ScalarType, Zip, strided};
use crate::open::{OpenOptions, TorchFile};
use crate::probe::Kind;
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::{Provenance, Tensor};
use modelport_pickle::Node;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// One module of `model.json`.
#[derive(Debug)]
struct Def {
    name: String,
    class: String,
    /// Parameters and buffers, by the numbers of their tensors.
    tensors: Vec<(String, usize)>,
    /// Other attributes, by their numbers in `attributes.pkl`; one without a number is `None` until `__setstate__`.
    attributes: Vec<(String, Option<usize>)>,
    submodules: Vec<Def>,
    /// The number of what `__setstate__` takes.
    state: Option<usize>,
}

/// The tree of modules with all that it refers to.
#[derive(Debug)]
pub(super) struct Modules {
    root: Def,
    tensors: Vec<Tensor>,
    attributes: Pickled,
}

/// Reads an archive with `model.json`.
pub(super) fn read(zip: &Zip, options: &OpenOptions) -> std::result::Result<TorchFile, Diagnostics> {
    let json = json(zip)?;
    let mut program = super::archive::program(zip, "libs/")?;
    let root =
        json.get("mainModule").ok_or_else(|| broken("it has no `mainModule`").in_file(zip.place("model.json")))?;
    let root = def(zip, &mut program, root, "__module__.root", 0)?;
    let attributes = match zip.has("attributes.pkl") {
        true => zip.pickled("attributes.pkl", "")?,
        false => zip.nothing()?,
    };
    let modules = Modules { root, tensors: tensors(zip, &json)?, attributes };
    let version = op_version(zip);
    let provenance = provenance(&json, version);
    let model = Model {
        program,
        data: Objects::Modules(&modules),
        constants: None,
        tensors: &modules.tensors,
        version,
        traced: None,
    };
    let evaluated = evaluate(model, options)?;
    let graph = evaluated.graph.map(|mut g| {
        g.provenance = provenance.clone();
        g
    });
    Ok(TorchFile { provenance, kind: Kind::TorchScript, weights: evaluated.weights, graph, notes: evaluated.notes })
}

fn json(zip: &Zip) -> Result<Json> {
    let bytes = zip.bytes("model.json")?;
    serde_json::from_slice(&bytes).map_err(|e| broken(&format!("it is no JSON: {e}")).in_file(zip.place("model.json")))
}

fn broken(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_SCRIPT_CODE, format!("`model.json` does not describe a model: {what}"))
}

/// The operators' version, which is that of the archive: 1 for all of these.
fn op_version(zip: &Zip) -> i64 {
    let text = zip.bytes("version").ok().filter(|_| zip.has("version"));
    text.and_then(|t| String::from_utf8_lossy(&t).trim().parse().ok()).unwrap_or(1)
}

fn provenance(json: &Json, version: i64) -> Provenance {
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    // `producerVersion` is `1.0` whoever wrote it; the version of the layout tells more.
    let proto = number(json.get("protoVersion")).unwrap_or(0);
    let writer = match proto {
        0 | 1 => "1.0",
        2 | 3 => "1.1",
        _ => "1.2",
    };
    Provenance {
        framework: "torch".to_owned(),
        version: Some(writer.to_owned()),
        format: Kind::TorchScript.describe().to_owned(),
        evidence: vec![format!(
            "`model.json` is of layout {proto}, written by {} {}",
            text("producerName"),
            text("producerVersion")
        )],
        details: BTreeMap::from([("operator version".to_owned(), version.to_string())]),
    }
}

/// Numbers of 64 bits are strings in the JSON of protobuf.
fn number(v: Option<&Json>) -> Option<i64> {
    let v = v?;
    v.as_i64().or_else(|| v.as_str()?.parse().ok())
}

fn numbers(v: Option<&Json>) -> Result<Vec<i64>> {
    let items = v.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().map(|i| number(Some(i)).ok_or_else(|| broken("a size is no number"))).collect()
}

fn index(v: Option<&Json>) -> Option<usize> {
    // A field that is 0 may be left out.
    v.map_or(Some(0), |v| usize::try_from(number(Some(v))?).ok())
}

fn list<'a>(v: &'a Json, key: &str) -> &'a [Json] {
    v.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn name_of(v: &Json) -> String {
    v.get("name").and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// A module and those below it; its methods become a class of `program`.
fn def(zip: &Zip, program: &mut Program, v: &Json, class: &str, depth: usize) -> Result<Def> {
    if depth > 100 {
        return Err(broken("its modules are nested too deeply").in_file(zip.place("model.json")));
    }
    let member = v.get("torchscriptArena").and_then(|a| a.get("key")).and_then(Json::as_str);
    let source = match member {
        Some(member) => Some((zip.place(member), String::from_utf8_lossy(&zip.bytes(member)?).into_owned())),
        None => None,
    };
    let (file, text) = source.unwrap_or_default();
    program.add_module(class, &file, &text)?;
    let mut submodules = Vec::new();
    for (i, sub) in list(v, "submodules").iter().enumerate() {
        submodules.push(def(zip, program, sub, &format!("{class}.m{i}"), depth + 1)?);
    }
    let tensor =
        |p: &Json| index(p.get("tensorId")).map(|i| (name_of(p), i)).ok_or_else(|| broken("a parameter has no tensor"));
    let attribute = |a: &Json| (name_of(a), index(a.get("id")));
    Ok(Def {
        name: name_of(v),
        class: class.to_owned(),
        tensors: list(v, "parameters").iter().map(tensor).collect::<Result<_>>()?,
        attributes: list(v, "attributes").iter().map(attribute).collect(),
        submodules,
        state: v.get("getStateAttributeId").and_then(|i| index(Some(i))),
    })
}

/// The table of tensors, which parameters, constants and attributes refer to by number.
fn tensors(zip: &Zip, json: &Json) -> Result<Vec<Tensor>> {
    list(json, "tensors")
        .iter()
        .map(|t| {
            let key = t.get("data").and_then(|d| d.get("key")).and_then(Json::as_str);
            let key = key.ok_or_else(|| broken("a tensor has no data"))?;
            let scalar =
                t.get("dataType").and_then(Json::as_str).map_or(Some("float32"), dtype).and_then(ScalarType::named);
            let scalar = scalar.ok_or_else(|| broken(&format!("the type of the tensor in `{key}` is not known")))?;
            let offset = number(t.get("offset")).unwrap_or(0);
            strided(&zip.member_storage(key)?, scalar, offset, &numbers(t.get("dims"))?, &numbers(t.get("strides"))?)
        })
        .collect::<Result<_>>()
        .map_err(|d| d.in_file(zip.place("model.json")))
}

/// `caffe2::TensorProto::DataType`.
fn dtype(name: &str) -> Option<&'static str> {
    Some(match name {
        "FLOAT" => "float32",
        "DOUBLE" => "float64",
        "FLOAT16" => "float16",
        "INT32" => "int32",
        "INT64" => "int64",
        "INT16" => "int16",
        "INT8" => "int8",
        "UINT8" => "uint8",
        "BOOL" => "bool",
        _ => return None,
    })
}

impl Modules {
    /// The tree as objects; `weights` are its parameters and buffers by name.
    pub(super) fn load(&self, m: &mut Machine) -> Step<(Value, Loader<'_>)> {
        let mut loader = Loader::new(&self.attributes, &self.tensors);
        let root = self.module(m, &mut loader, &self.root, "")?;
        Ok((root, loader))
    }

    /// The value of attribute `i`.
    fn attribute(&self, i: usize) -> Step<Node<'_>> {
        let mut items = self.attributes.root().items().into_iter().flatten();
        items.nth(i).ok_or_else(|| damaged("an attribute has a number that there is not"))
    }

    fn module<'a>(&'a self, m: &mut Machine, loader: &mut Loader<'a>, def: &'a Def, path: &str) -> Step<Value> {
        m.charge(1)?;
        let mut attrs = BTreeMap::new();
        for sub in &def.submodules {
            let below = join(path, &sub.name);
            attrs.insert(sub.name.as_str().into(), m.deeper(|m| self.module(m, loader, sub, &below))?);
        }
        for (name, i) in &def.tensors {
            let tensor =
                self.tensors.get(*i).cloned().ok_or_else(|| damaged("a tensor has a number that there is not"))?;
            let below = join(path, name);
            loader.weights.push((below.clone(), tensor.clone()));
            attrs.insert(name.as_str().into(), loader.tensor(m, tensor, &below)?);
        }
        for (name, i) in &def.attributes {
            if attrs.contains_key(name.as_str()) {
                continue;
            }
            let mut v = match i {
                Some(i) => loader.value(m, self.attribute(*i)?, &join(path, name))?,
                None => Value::None,
            };
            if name == "training" {
                loader.training |= matches!(v, Value::Bool(true));
                v = Value::Bool(false);
            }
            if let Value::Tensor(_) = v {
                let h = m.tensor_handle(&v)?;
                loader.weights.extend(m.known(h).map(|t| (join(path, name), t)));
            }
            attrs.insert(name.as_str().into(), v);
        }
        let object = Object { class: def.class.as_str().into(), attrs, path: path.into() };
        let value = Value::Object(m.alloc(Obj::Object(object))?);
        if let Some(state) = def.state {
            let info = m.program.class(&def.class).map_err(Stop::Fail)?;
            if info.methods.contains_key("__setstate__") {
                let state = loader.value(m, self.attribute(state)?, path)?;
                m.call_method(&value, "__setstate__", vec![state], Vec::new())?;
            }
        }
        Ok(value)
    }

    /// The table of tensors as `CONSTANTS.c0` and so on.
    pub(super) fn constants(&self, m: &mut Machine) -> Step<Vec<Value>> {
        let mut names: HashMap<usize, String> = HashMap::new();
        named(&self.root, "", &mut names);
        let all = self.tensors.iter().enumerate().map(|(i, tensor)| {
            let name = names.get(&i).cloned().unwrap_or_else(|| format!("CONSTANTS.c{i}"));
            let h = m.constant(&name, tensor.clone());
            m.new_tensor(h)
        });
        all.collect()
    }
}

fn named(def: &Def, path: &str, names: &mut HashMap<usize, String>) {
    for (name, i) in &def.tensors {
        names.entry(*i).or_insert_with(|| join(path, name));
    }
    def.submodules.iter().for_each(|sub| named(sub, &join(path, &sub.name), names));
}
