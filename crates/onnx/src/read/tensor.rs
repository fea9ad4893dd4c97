//! Tensors of ONNX files: raw data and external data stay where they are, typed fields are converted.

use super::decode;
use crate::code;
use crate::wire::Fields;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};
use modelport_storage::{ByteRange, MappedFile};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The files that tensors of a model stand in.
pub(super) struct Files {
    pub(super) model: Arc<MappedFile>,
    /// Where external data is looked for; `None` when the model is in memory only.
    directory: Option<PathBuf>,
    external: HashMap<String, Arc<MappedFile>>,
}

/// Raw data up to this long is copied, so that equal constants are found equal.
const SHORT: usize = 1024;

#[derive(Default)]
struct Parts<'a> {
    name: String,
    dims: Vec<i64>,
    data_type: i64,
    raw: Option<(&'a [u8], u64)>,
    floats: Vec<f32>,
    ints32: Vec<i64>,
    ints64: Vec<i64>,
    doubles: Vec<f64>,
    unsigned: Vec<i64>,
    strings: Vec<Vec<u8>>,
    external: Vec<(String, String)>,
    outside: bool,
}

fn bad(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::ONNX_READ, message)
}

impl Files {
    pub(super) fn new(model: Arc<MappedFile>, directory: Option<PathBuf>) -> Self {
        Self { model, directory, external: HashMap::new() }
    }

    /// A `TensorProto` with its name.
    pub(super) fn tensor(&mut self, f: Fields<'_>) -> Result<(String, Tensor)> {
        let parts = parts(f)?;
        let name = parts.name.clone();
        let tensor = self.build(parts).map_err(|d| d.at_node(name.clone()))?;
        Ok((name, tensor))
    }

    fn build(&mut self, p: Parts<'_>) -> Result<Tensor> {
        let dtype = code::dtype(p.data_type).ok_or_else(|| {
            Diagnostic::error(Code::ONNX_UNSUPPORTED, format!("a tensor has {}", code::name(p.data_type)))
        })?;
        let shape: Option<Vec<usize>> = p.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
        let shape = shape.ok_or_else(|| bad("a tensor has a negative dimension").found(format!("{:?}", p.dims)))?;
        if p.outside {
            return Tensor::from_range(dtype, shape, self.outside(&p.external)?);
        }
        if dtype == DType::Str {
            return Tensor::from_strings(shape, p.strings);
        }
        match p.raw {
            Some((bytes, at)) if bytes.len() > SHORT => {
                let range = ByteRange::new(self.model.clone(), at, bytes.len() as u64)?;
                Tensor::from_range(dtype, shape, range)
            }
            Some((bytes, _)) => Tensor::from_bytes(dtype, shape, bytes.to_vec()),
            None => Tensor::from_bytes(dtype, shape, typed(dtype, &p)),
        }
    }

    /// The range that `external_data` names; only files below the model's directory are opened.
    fn outside(&mut self, entries: &[(String, String)]) -> Result<ByteRange> {
        let get = |key: &str| entries.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let location = get("location").ok_or_else(|| bad("external data without a location"))?;
        let number = |key: &str| match get(key) {
            None => Ok(None),
            Some(v) => {
                v.parse::<u64>().map(Some).map_err(|_| bad(format!("external data: {key} is not a number")).found(v))
            }
        };
        let file = self.open(location)?;
        let offset = number("offset")?.unwrap_or(0);
        let len = number("length")?.unwrap_or(file.len().saturating_sub(offset));
        ByteRange::new(file, offset, len)
    }

    fn open(&mut self, location: &str) -> Result<Arc<MappedFile>> {
        if let Some(file) = self.external.get(location) {
            return Ok(file.clone());
        }
        let refused = |why: &str| {
            bad(format!("external data is not read: {why}")).found(location).help(
                "data files must lie in the directory of the model; a model that names others is damaged or hostile",
            )
        };
        let directory = self.directory.as_deref().ok_or_else(|| refused("the model is not a file"))?;
        let inside = Path::new(location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(refused("its location leaves the model's directory"));
        }
        let path = directory.join(location);
        let real = |p: &Path| p.canonicalize().map_err(|e| refused(&e.to_string()));
        let base = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        if !real(&path)?.starts_with(real(base)?) {
            return Err(refused("a link leads out of the model's directory"));
        }
        let file = MappedFile::open(&path)?;
        self.external.insert(location.to_owned(), file.clone());
        Ok(file)
    }
}

fn parts<'a>(mut f: Fields<'a>) -> Result<Parts<'a>> {
    let mut p = Parts::default();
    while let Some(field) = f.next_field()? {
        match field.number {
            1 => field.ints(&mut p.dims)?,
            2 => p.data_type = field.int()?,
            4 => field.floats(&mut p.floats)?,
            5 => field.ints(&mut p.ints32)?,
            6 => p.strings.push(field.bytes()?.0.to_vec()),
            7 => field.ints(&mut p.ints64)?,
            8 => p.name = field.text()?,
            9 => p.raw = Some(field.bytes()?),
            10 => field.doubles(&mut p.doubles)?,
            11 => field.ints(&mut p.unsigned)?,
            13 => p.external.push(decode::entries(field.message()?)?),
            14 => p.outside = field.int()? == 1,
            _ => {}
        }
    }
    Ok(p)
}

/// The elements of the field that belongs to `dtype`, little-endian.
fn typed(dtype: DType, p: &Parts<'_>) -> Vec<u8> {
    let low = |v: &[i64]| v.iter().flat_map(|v| v.to_le_bytes().into_iter().take(dtype.size())).collect();
    match dtype {
        DType::F32 | DType::C64 => p.floats.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F64 | DType::C128 => p.doubles.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::I64 => low(&p.ints64),
        DType::U32 | DType::U64 => low(&p.unsigned),
        _ => low(&p.ints32),
    }
}
