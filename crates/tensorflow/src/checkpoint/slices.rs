//! Partitioned variables: their parts, the keys that parts are stored under, and putting them together again.
//!
//! Owns: TensorSlice and its key (core/util/saved_tensor_slice_util.cc and core/lib/strings/ordered_code.cc, 2.21). Must never
//! know: where parts are stored.

use super::table::damaged;
use modelport_diag::Result;
use modelport_ir::Tensor;
use modelport_proto::tensorflow::TensorSliceProto;

/// A part of a tensor: start and length per dimension; no length is all of it.
pub(crate) type Slice = Vec<(i64, Option<i64>)>;

/// A slice from its message.
pub(crate) fn slice(proto: &TensorSliceProto) -> Slice {
    proto.extent.iter().map(|e| (e.start, e.length)).collect()
}

/// The slice that `shape_and_slices` of RestoreV2 spells: `10 20 0,5:-` is rows 0 to 4 of a tensor of 10 × 20. Nothing for
/// a whole tensor.
pub(crate) fn parse(spec: &str) -> Option<Slice> {
    let last = spec.rsplit(' ').next().filter(|s| !s.is_empty())?;
    let part = |text: &str| match text.split_once(',') {
        None => (text == "-").then_some((0, None)),
        Some((start, len)) => Some((start.parse().ok()?, Some(len.parse().ok()?))),
    };
    let slice: Slice = last.split(':').map(part).collect::<Option<_>>()?;
    slice.iter().any(|(_, len)| len.is_some()).then_some(slice)
}

/// The key of a part.
pub(crate) fn key(name: &str, slice: &Slice) -> Vec<u8> {
    let mut out = Vec::new();
    unsigned(&mut out, 0);
    for byte in name.bytes() {
        match byte {
            0 => out.extend([0, 0xff]),
            0xff => out.extend([0xff, 0]),
            other => out.push(other),
        }
    }
    out.extend([0, 1]);
    unsigned(&mut out, slice.len() as u64);
    for (start, len) in slice {
        signed(&mut out, *start);
        signed(&mut out, len.unwrap_or(-1));
    }
    out
}

/// A number as its length and its bytes, the highest first.
fn unsigned(out: &mut Vec<u8>, n: u64) {
    let bytes = n.to_be_bytes();
    let zeros = (n.leading_zeros() / 8) as usize;
    out.push((8 - zeros) as u8);
    out.extend(bytes.iter().skip(zeros));
}

/// A number whose first bits say how long it is, so that bytes sort as numbers do.
fn signed(out: &mut Vec<u8>, n: i64) {
    const HEADER: [[u8; 2]; 11] = [
        [0, 0],
        [0x80, 0],
        [0xc0, 0],
        [0xe0, 0],
        [0xf0, 0],
        [0xf8, 0],
        [0xfc, 0],
        [0xfe, 0],
        [0xff, 0],
        [0xff, 0x80],
        [0xff, 0xc0],
    ];
    let magnitude = if n < 0 { !n } else { n } as u64;
    // A sign bit and seven bits a byte.
    let bits = 64 - magnitude.leading_zeros() as usize;
    let len = (bits + 7) / 7;
    let mut bytes = [if n < 0 { 0xff } else { 0 }; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    let bytes = bytes.iter().skip(10 - len).zip(HEADER[len].iter().chain(std::iter::repeat(&0)));
    out.extend(bytes.map(|(byte, header)| byte ^ header));
}

/// Puts parts together; along each axis they must follow each other without a gap.
///
/// # Errors
/// `TF0007` when they do not fill the shape.
pub(crate) fn assemble(shape: &[usize], parts: Vec<(Slice, Tensor)>) -> Result<Tensor> {
    let whole = join(parts, 0)?;
    if whole.shape() != shape {
        return Err(damaged("the parts of a partitioned variable do not make the whole")
            .expected(format!("{shape:?}"))
            .found(format!("{:?}", whole.shape())));
    }
    Ok(whole)
}

fn join(mut parts: Vec<(Slice, Tensor)>, axis: usize) -> Result<Tensor> {
    let start = |part: &(Slice, Tensor)| part.0.get(axis).map_or(0, |s| s.0);
    if let [(_, only)] = parts.as_slice() {
        return Ok(only.clone());
    }
    if parts.is_empty() || parts.iter().all(|p| axis >= p.0.len()) {
        return Err(damaged("a partitioned variable has no parts, or the same part twice"));
    }
    parts.sort_by_key(start);
    let mut rows = Vec::new();
    let mut at = 0;
    for group in parts.chunk_by(|a, b| start(a) == start(b)) {
        let row = join(group.to_vec(), axis + 1)?;
        if group.first().map(start) != i64::try_from(at).ok() {
            return Err(damaged("a part of a partitioned variable is missing"));
        }
        at += row.shape().get(axis).copied().unwrap_or(0);
        rows.push(row);
    }
    Tensor::concat(&rows, axis)
}

/// A part of a whole tensor.
///
/// # Errors
/// `TF0007` when it reaches outside.
pub(crate) fn part(whole: &Tensor, slice: &Slice) -> Result<Tensor> {
    let mut tensor = whole.clone();
    for (axis, (start, len)) in slice.iter().enumerate() {
        let Some(len) = len else { continue };
        let number = |n: i64| usize::try_from(n).map_err(|_| damaged("a part of a tensor begins before it"));
        tensor = tensor.narrow(axis, number(*start)?, number(*len)?)?;
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ordered_code.cc` spells them.
    #[test]
    fn keys_are_those_of_tensorflow() {
        let whole = key("a", &vec![(0, None), (5, Some(5))]);
        assert_eq!(whole, [0, b'a', 0, 1, 1, 2, 0x80, 0x7f, 0x85, 0x85]);
        assert_eq!(key("b", &vec![(100, Some(-1))]), [0, b'b', 0, 1, 1, 1, 0xc0, 100, 0x7f]);
    }

    #[test]
    fn specs_are_read() {
        assert_eq!(parse("10 20 0,5:-"), Some(vec![(0, Some(5)), (0, None)]));
        assert_eq!(parse(""), None);
        assert_eq!(parse("10 -"), None);
    }

    #[test]
    fn parts_make_the_whole() {
        let t = |v: f64| Tensor::from_f64s(modelport_ir::DType::F32, &[1, 2], &[v, v]).unwrap();
        let parts = vec![(vec![(1, Some(1)), (0, None)], t(2.0)), (vec![(0, Some(1)), (0, None)], t(1.0))];
        assert_eq!(assemble(&[2, 2], parts.clone()).unwrap().to_f64s().unwrap(), [1.0, 1.0, 2.0, 2.0]);
        assert!(assemble(&[3, 2], parts).is_err());
    }
}
