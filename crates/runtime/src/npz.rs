//! NumPy's `.npz` archives of recorded inputs and outputs.
//!
//! Owns: the `.npy` header (`numpy/lib/format.py`, versions 1.0–3.0) and nothing else of NumPy.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};
use std::io::Read;
use std::path::Path;

/// Bytes that one archive may unpack to; recorded inputs and outputs are small.
const MOST: u64 = 4 << 30;

/// Reads every array of an archive, by name without the `.npy`.
///
/// # Errors
/// `IO0001` when the file cannot be opened, `ZP0001` when it is no zip archive, `IR0004` when an array is damaged or
/// its type is none of ours.
pub fn read(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path)
        .map_err(|e| Diagnostic::error(Code::IO_OPEN, format!("cannot open the file: {e}")).in_file(&name))?;
    let damaged = |e: String| {
        Diagnostic::error(Code::ZIP_DAMAGED, format!("this is not a readable .npz archive: {e}")).in_file(&name)
    };
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(|e| damaged(e.to_string()))?;
    let mut arrays = Vec::new();
    let mut left = MOST;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|e| damaged(e.to_string()))?;
        let member = entry.name().map_err(|e| damaged(e.to_string()))?.into_owned();
        let mut bytes = Vec::new();
        entry.take(left).read_to_end(&mut bytes).map_err(|e| damaged(e.to_string()))?;
        left -= bytes.len() as u64;
        let array = array(bytes).map_err(|d| d.in_file(format!("{name}!{member}")))?;
        arrays.push((member.strip_suffix(".npy").unwrap_or(&member).to_owned(), array));
    }
    Ok(arrays)
}

fn bad(what: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::IR_TENSOR, format!("the array is not in NumPy's format: {}", what.into()))
}

/// One `.npy` file.
fn array(bytes: Vec<u8>) -> Result<Tensor> {
    let version =
        bytes.get(6).filter(|_| bytes.starts_with(b"\x93NUMPY")).ok_or_else(|| bad("its magic is missing"))?;
    let width = if *version == 1 { 2 } else { 4 };
    let field = bytes.get(8..8 + width).ok_or_else(|| bad("it ends in its header"))?;
    let len = field.iter().rev().fold(0usize, |n, &b| n << 8 | b as usize);
    let start = 8 + width;
    let end = start.checked_add(len).ok_or_else(|| bad("its header is too long"))?;
    let header = bytes.get(start..end).ok_or_else(|| bad("it ends in its header"))?;
    let header = std::str::from_utf8(header).map_err(|_| bad("its header is not text"))?;
    let descr = quoted(header, "descr")?.to_owned();
    let shape = shape(header)?;
    let fortran = after(header, "fortran_order")?.starts_with("True");
    let data = bytes::Bytes::from(bytes).slice(end..);
    let tensor = |shape: Vec<usize>| match texts(&descr, &data) {
        Some(all) => Tensor::from_strings(shape, all?),
        None => Tensor::from_bytes(dtype(&descr)?, shape, data.clone()),
    };
    if !fortran {
        return tensor(shape);
    }
    let perm: Vec<usize> = (0..shape.len()).rev().collect();
    tensor(shape.into_iter().rev().collect())?.permute(&perm)
}

/// The elements of an array of strings, UTF-32 (`<U5`) or bytes (`|S5`), each padded with zeros; nothing for another type.
fn texts(descr: &str, data: &[u8]) -> Option<Result<Vec<Vec<u8>>>> {
    let (width, count) = match (descr.strip_prefix("<U"), descr.strip_prefix("|S")) {
        (Some(n), _) => (4, n),
        (_, Some(n)) => (1, n),
        _ => return None,
    };
    let size = count.parse::<usize>().ok().and_then(|n| n.checked_mul(width)).filter(|n| *n > 0);
    let Some(size) = size else { return Some(Err(bad(format!("`{descr}` has no length")))) };
    let element = |bytes: &[u8]| {
        if width == 1 {
            let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
            return Ok(bytes.get(..end).unwrap_or_default().to_vec());
        }
        let code = |b: &[u8]| b.iter().rev().fold(0u32, |n, &b| n << 8 | u32::from(b));
        let text: Option<String> =
            bytes.chunks_exact(4).map(code).take_while(|c| *c != 0).map(char::from_u32).collect();
        text.map(String::into_bytes).ok_or_else(|| bad("a string is no Unicode"))
    };
    Some(data.chunks_exact(size).map(element).collect())
}

/// The text after `'key':`.
fn after<'a>(header: &'a str, key: &str) -> Result<&'a str> {
    let mark = format!("'{key}':");
    let at = header.find(&mark).ok_or_else(|| bad(format!("its header has no `{key}`")))?;
    Ok(header[at + mark.len()..].trim_start())
}

fn quoted<'a>(header: &'a str, key: &str) -> Result<&'a str> {
    after(header, key)?.split('\'').nth(1).ok_or_else(|| bad(format!("`{key}` is not a string")))
}

fn shape(header: &str) -> Result<Vec<usize>> {
    let text = after(header, "shape")?;
    let inner = text.strip_prefix('(').and_then(|t| t.split(')').next()).ok_or_else(|| bad("its shape is no tuple"))?;
    let dims = inner.split(',').map(str::trim).filter(|t| !t.is_empty());
    dims.map(|t| t.parse().map_err(|_| bad(format!("`{t}` is not a dimension")))).collect()
}

fn dtype(descr: &str) -> Result<DType> {
    Ok(match descr {
        "<f4" => DType::F32,
        "<f8" => DType::F64,
        "<f2" => DType::F16,
        "|i1" => DType::I8,
        "<i2" => DType::I16,
        "<i4" => DType::I32,
        "<i8" => DType::I64,
        "|u1" => DType::U8,
        "<u2" => DType::U16,
        "<u4" => DType::U32,
        "<u8" => DType::U64,
        "|b1" => DType::Bool,
        other => {
            return Err(bad(format!("its type `{other}` is not supported"))
                .help("save it as a plain little-endian NumPy array of numbers"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn fortran_order_is_undone() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        let tensor = array(npy(header, &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(tensor.shape(), [2, 3]);
        assert_eq!(tensor.bytes().unwrap()[..], [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn strings_lose_their_padding() {
        let header = |descr: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}");
        let wide: Vec<u8> = "ab\0c\0\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        for (descr, data) in [("<U3", wide.as_slice()), ("|S3", b"ab\0c\0\0")] {
            let tensor = array(npy(&header(descr), data)).unwrap();
            assert_eq!(tensor.strings().unwrap(), [b"ab".to_vec(), b"c".to_vec()], "{descr}");
        }
        assert!(array(npy(&header("<U99999999999999999999"), &[])).is_err());
        assert!(array(npy(&header("<U3"), b"short")).is_err());
    }

    #[test]
    fn damaged_arrays_are_errors() {
        assert!(array(vec![]).is_err());
        assert!(array(b"\x93NUMPY\x01\x00\xff\xff".to_vec()).is_err());
        let lying = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 1000), }";
        assert!(array(npy(lying, &[0; 8])).is_err());
        let strange = "{'descr': '>f4', 'fortran_order': False, 'shape': (), }";
        assert!(array(npy(strange, &[0; 4])).is_err());
    }
}
