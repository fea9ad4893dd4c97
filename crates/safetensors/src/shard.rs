//! Which tensors go into which file when a file would be too large.
//!
//! Source of the convention: `split_torch_state_dict_into_shards` of huggingface_hub: tensors in the model's order, a new
//! file where the next would not fit, one of its own for a tensor that fits nowhere. Owns: sizes and names of shards. Must
//! never know: how they are written.

use modelport_diag::{Code, Diagnostic, Result};
use std::path::{Path, PathBuf};

/// Reads a size: `5GB` is 5·10⁹ bytes, `5GiB` is 5·2³⁰.
///
/// # Errors
/// `US0001` when it is none, or zero.
pub fn parse_size(text: &str) -> Result<u64> {
    const UNITS: [(&str, u64); 10] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    let upper = text.trim().to_ascii_uppercase();
    let split = UNITS.iter().find_map(|(unit, bytes)| Some((upper.strip_suffix(unit)?.trim_end(), *bytes)));
    let size = split.and_then(|(number, bytes)| number.parse::<u64>().ok()?.checked_mul(bytes));
    size.filter(|n| *n > 0).ok_or_else(|| {
        Diagnostic::error(Code::USAGE, format!("`{text}` is no size")).expected("a size such as 500MB, 5GB or 2GiB")
    })
}

/// Tensors of these lengths, in this order, in files of at most `most` bytes of data.
pub(crate) fn split(lengths: &[u64], most: u64) -> Vec<Vec<usize>> {
    let mut shards: Vec<Vec<usize>> = vec![Vec::new()];
    let mut size = 0u64;
    for (i, &len) in lengths.iter().enumerate() {
        let full = size.saturating_add(len) > most;
        match shards.last_mut() {
            Some(last) if !full || last.is_empty() => last.push(i),
            _ => {
                shards.push(vec![i]);
                size = 0;
            }
        }
        size = size.saturating_add(len);
    }
    shards
}

/// `model.safetensors` → `model-00001-of-00003.safetensors`.
pub(crate) fn shard_name(target: &Path, i: usize, count: usize) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    let extension = target.extension().map_or_else(|| "safetensors".into(), |e| e.to_string_lossy());
    target.with_file_name(format!("{stem}-{:05}-of-{count:05}.{extension}", i + 1))
}

/// `model.safetensors` → `model.safetensors.index.json`.
pub(crate) fn index_name(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".index.json");
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("5GB").unwrap(), 5_000_000_000);
        assert_eq!(parse_size("2 GiB").unwrap(), 2 << 30);
        assert_eq!(parse_size("500kb").unwrap(), 500_000);
        assert_eq!(parse_size("17").unwrap(), 17);
        for wrong in ["", "GB", "5XB", "-1", "0", "99999999999TB", "1.5GB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tensor_that_fits_nowhere_has_its_own_file() {
        assert_eq!(split(&[3, 3, 9, 1, 1], 6), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(split(&[9, 1], 6), [vec![0], vec![1]]);
        assert_eq!(split(&[], 6), [Vec::<usize>::new()]);
        assert_eq!(split(&[6, 6], 6), [vec![0], vec![1]]);
    }
}
