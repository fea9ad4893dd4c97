//! Constants in the text form: small ones stand there, large ones by a digest of their bytes and where they came from.

use super::cursor::Cursor;
use super::lexer::{Token, quote, quote_bytes};
use super::number;
use crate::tensor::{Data, byte_len};
use crate::{DType, Tensor};
use modelport_diag::{Code, Diagnostic, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Up to this many elements stand in the text.
const INLINE: usize = 64;

/// What a text says of a constant that it does not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// `sha256:` and the first 32 hexadecimal digits of the SHA-256 of the bytes, little-endian and row-major.
    pub digest: String,
    /// The file, or what else the bytes come from, where they stand somewhere as they are.
    pub origin: Option<String>,
    /// The offset in that file.
    pub offset: Option<u64>,
}

/// Supplies the constants that a text names but does not contain.
pub trait Constants {
    /// The constant that `reference` means; it must have that type.
    fn constant(&mut self, reference: &Reference) -> Option<Tensor>;
}

/// No constants besides those in the text.
#[derive(Clone, Copy, Debug)]
pub struct NoConstants;

impl Constants for NoConstants {
    fn constant(&mut self, _reference: &Reference) -> Option<Tensor> {
        None
    }
}

/// The large constants of a graph that was printed, by digest: enough to parse its text again.
#[derive(Clone, Debug, Default)]
pub struct KeptConstants(BTreeMap<String, Tensor>);

impl KeptConstants {
    pub(super) fn keep(&mut self, digest: String, tensor: &Tensor) {
        self.0.entry(digest).or_insert_with(|| tensor.clone());
    }
}

impl Constants for KeptConstants {
    fn constant(&mut self, reference: &Reference) -> Option<Tensor> {
        let found = self.0.get(&reference.digest)?;
        // Equal bytes may be used in several shapes.
        if found.dtype() == reference.dtype { found.reshape(reference.shape.clone()).ok() } else { None }
    }
}

/// `f32[2] [1.0, 2.0]`, `f32[] 1.0`, `f32[3,3,8] ref "sha256:…" @ "model.h5" + 2048`.
pub(super) fn print(tensor: &Tensor, kept: &mut KeptConstants) -> String {
    let ty = tensor.ty();
    let inline = if tensor.len() <= INLINE { elements(tensor) } else { None };
    match inline.as_deref() {
        Some([one]) if tensor.rank() == 0 => format!("{ty} {one}"),
        Some(list) => format!("{ty} [{}]", list.join(", ")),
        None => format!("{ty} {}", reference(tensor, kept)),
    }
}

fn elements(tensor: &Tensor) -> Option<Vec<String>> {
    if let Some(strings) = tensor.strings() {
        return Some(strings.iter().map(|s| quote_bytes(s)).collect());
    }
    let bytes = tensor.bytes().ok()?;
    Some(bytes.chunks_exact(tensor.dtype().size().max(1)).map(|e| number::element(tensor.dtype(), e)).collect())
}

fn reference(tensor: &Tensor, kept: &mut KeptConstants) -> String {
    // A source that cannot be read has no digest; writers and kernels will say what is wrong with it.
    let digest = digest(tensor).unwrap_or_else(|_| format!("unreadable: {tensor:?}"));
    kept.keep(digest.clone(), tensor);
    let origin = match (tensor.file_range(), tensor.data()) {
        (Some(range), _) => format!(" @ {} + {}", quote(range.file().name()), range.offset()),
        (None, Data::Lazy(source)) => format!(" @ {}", quote(&source.describe())),
        _ => String::new(),
    };
    format!("ref {}{origin}", quote(&digest))
}

fn digest(tensor: &Tensor) -> Result<String> {
    let mut hash = Sha256::new();
    match tensor.strings() {
        Some(strings) => {
            for s in strings {
                hash.update((s.len() as u64).to_le_bytes());
                hash.update(s);
            }
        }
        None => tensor.for_chunks(&mut |_, chunk| {
            hash.update(chunk);
            Ok(())
        })?,
    }
    let hex: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
    Ok(format!("sha256:{hex}"))
}

/// Parses what [`print`] wrote.
pub(super) fn parse(c: &mut Cursor<'_>, constants: &mut dyn Constants) -> Result<Tensor> {
    let start = c.position();
    let dtype = c.dtype()?;
    let shape: Vec<usize> = c.list("[", "]", |c| c.integer("a dimension"))?;
    byte_len(dtype, &shape).map_err(|_| c.error_at(start, "the constant is larger than memory can be"))?;
    if c.eat_word("ref") {
        return referred(c, constants, start, dtype, shape);
    }
    let wrong = |c: &Cursor<'_>, d: Box<Diagnostic>| c.error_at(start, d.message);
    if dtype == DType::Str {
        let strings = one_or_list(c, |c| match c.bump() {
            Token::Str(s) => Ok(s.into_bytes()),
            Token::Bytes(b) => Ok(b),
            other => Err(c.error_at(start, format!("{other} is not an element of type str")).expected("a string")),
        })?;
        return Tensor::from_strings(shape, strings).map_err(|d| wrong(c, d));
    }
    let mut bytes = Vec::new();
    one_or_list(c, |c| element(c, dtype, &mut bytes))?;
    let found = bytes.len() / dtype.size().max(1);
    Tensor::from_bytes(dtype, shape.clone(), bytes).map_err(|_| {
        c.error_at(start, "the constant has another number of elements than its shape")
            .expected(shape.iter().product::<usize>().to_string())
            .found(found.to_string())
    })
}

fn one_or_list<T>(c: &mut Cursor<'_>, mut item: impl FnMut(&mut Cursor<'_>) -> Result<T>) -> Result<Vec<T>> {
    if c.at("[") { c.list("[", "]", item) } else { Ok(vec![item(c)?]) }
}

/// Appends one element: a number, `true`, `nan`, raw bits.
pub(super) fn element(c: &mut Cursor<'_>, dtype: DType, bytes: &mut Vec<u8>) -> Result<()> {
    let text = match c.peek() {
        Token::Number(s) | Token::Ident(s) => s.clone(),
        _ => return Err(c.unexpected(&format!("an element of type {dtype}"))),
    };
    if !number::parse_element(dtype, &text, bytes) {
        let message = format!("`{text}` is not an element of type {dtype}");
        return Err(c.error_at(c.position(), message).expected(format!("a {dtype}")).found(text));
    }
    c.bump();
    Ok(())
}

fn referred(
    c: &mut Cursor<'_>,
    constants: &mut dyn Constants,
    start: usize,
    dtype: DType,
    shape: Vec<usize>,
) -> Result<Tensor> {
    let digest = c.string("a digest such as \"sha256:…\"")?;
    let origin = if c.eat("@") { Some(c.string("a file")?) } else { None };
    let offset = if c.eat("+") { Some(c.integer("an offset")?) } else { None };
    let reference = Reference { dtype, shape, digest, origin, offset };
    let Some(tensor) = constants.constant(&reference) else {
        return Err(c
            .error_at(start, format!("the constant {} is not at hand", quote(&reference.digest)))
            .help("a text holds small constants only; large ones must come from the file that it was printed from"));
    };
    if tensor.dtype() != reference.dtype || tensor.shape() != reference.shape {
        return Err(Diagnostic::error(Code::IR_TENSOR, "a constant has another type than the text says")
            .expected(format!("{dtype}{:?}", reference.shape))
            .found(tensor.ty().to_string()));
    }
    Ok(tensor)
}
