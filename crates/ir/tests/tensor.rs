//! Lazy tensors against ndarray: random chains of recipes, from memory and from a file.
#![allow(clippy::unwrap_used)]

use modelport_ir::tensor::write_all;
use modelport_ir::{DType, Tensor};
use modelport_storage::{AtomicFile, ByteRange, MappedFile};
use ndarray::{ArrayD, Axis, IxDyn, Slice};
use proptest::prelude::*;

/// One step of a chain; numbers are reduced to what fits the tensor at hand.
#[derive(Clone, Debug)]
enum Step {
    Permute(usize),
    Reshape(usize),
    Slice { axis: usize, start: usize, len: usize, step: usize, back: bool },
    Flip(usize),
    Cast(usize),
    Concat(usize),
    Scale(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0usize..1000;
    prop_oneof![
        n.clone().prop_map(Step::Permute),
        n.clone().prop_map(Step::Reshape),
        (n.clone(), n.clone(), n.clone(), 1usize..4, any::<bool>())
            .prop_map(|(axis, start, len, step, back)| Step::Slice { axis, start, len, step, back }),
        n.clone().prop_map(Step::Flip),
        n.clone().prop_map(Step::Cast),
        n.clone().prop_map(Step::Concat),
        n.prop_map(Step::Scale),
    ]
}

/// The `n`-th permutation of `rank` axes.
fn permutation(rank: usize, mut n: usize) -> Vec<usize> {
    let mut left: Vec<_> = (0..rank).collect();
    let mut out = Vec::new();
    while !left.is_empty() {
        let at = n % left.len();
        n /= left.len();
        out.push(left.remove(at));
    }
    out
}

fn apply(t: &Tensor, a: &ArrayD<f64>, step: &Step) -> (Tensor, ArrayD<f64>) {
    let rank = t.rank();
    match *step {
        Step::Permute(n) => {
            let perm = permutation(rank, n);
            (t.permute(&perm).unwrap(), a.clone().permuted_axes(IxDyn(&perm)).as_standard_layout().into_owned())
        }
        Step::Reshape(n) => {
            let shape = match n % 3 {
                0 => vec![t.len()],
                1 => [t.shape(), &[1]].concat(),
                _ => (0..2)
                    .map(|i| if i == 0 { t.shape()[0] } else { t.len().checked_div(t.shape()[0]).unwrap_or(0) })
                    .collect(),
            };
            (
                t.reshape(shape.clone()).unwrap(),
                a.as_standard_layout().into_owned().into_shape_with_order(IxDyn(&shape)).unwrap(),
            )
        }
        Step::Slice { axis, start, len, step, back } => {
            let axis = axis % rank;
            let n = t.shape()[axis];
            let first = start % n;
            let room = if back { first / step + 1 } else { (n - 1 - first) / step + 1 };
            let count = 1 + len % room;
            let mut starts = vec![0; rank];
            let mut lens = t.shape().to_vec();
            let mut steps = vec![1isize; rank];
            starts[axis] = first;
            lens[axis] = count;
            steps[axis] = if back { -(step as isize) } else { step as isize };
            let at: Vec<usize> = (0..count).map(|i| if back { first - i * step } else { first + i * step }).collect();
            (t.slice(&starts, &lens, &steps).unwrap(), a.select(Axis(axis), &at))
        }
        Step::Flip(n) => {
            let axis = n % rank;
            let mut view = a.clone();
            view.invert_axis(Axis(axis));
            (t.flip(&[axis]).unwrap(), view.as_standard_layout().into_owned())
        }
        Step::Cast(n) => {
            // Values are small integers, exact in all of these (scales are powers of two).
            let to = [DType::F32, DType::F64, DType::F16][n % 3];
            (t.cast(to).unwrap(), a.clone())
        }
        Step::Concat(n) => {
            let axis = n % rank;
            if t.len() > 2000 {
                return (t.clone(), a.clone());
            }
            let head = t.narrow(axis, 0, 1).unwrap();
            let first = a.slice_axis(Axis(axis), Slice::from(0..1)).into_owned();
            let joined = ndarray::concatenate(Axis(axis), &[a.view(), first.view()]).unwrap();
            (Tensor::concat(&[t.clone(), head], axis).unwrap(), joined.as_standard_layout().into_owned())
        }
        Step::Scale(n) => {
            let axis = n % rank;
            let factors: Vec<f64> = (0..t.shape()[axis]).map(|i| [1.0, -1.0, 0.5, 2.0][i % 4]).collect();
            let mut scaled = a.clone();
            for (mut lane, f) in scaled.axis_iter_mut(Axis(axis)).zip(&factors) {
                lane *= *f;
            }
            (t.scale(axis, factors.into()).unwrap(), scaled)
        }
    }
}

fn check(t: &Tensor, a: &ArrayD<f64>) {
    assert_eq!(t.shape(), a.shape());
    let want: Vec<f64> = a.iter().copied().collect();
    assert_eq!(t.to_f64s().unwrap(), want);
    let bytes = t.bytes().unwrap();
    let mut chunks = Vec::new();
    t.for_chunks(&mut |at, c| {
        assert_eq!(at, chunks.len());
        chunks.extend_from_slice(c);
        Ok(())
    })
    .unwrap();
    assert_eq!(chunks, bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chains_equal_ndarray(shape in prop::collection::vec(1usize..7, 1..5), steps in prop::collection::vec(step(), 0..7), from_file in any::<bool>()) {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| (i % 61) as f64 - 30.0).collect();
        let mut array = ArrayD::from_shape_vec(IxDyn(&shape), values.clone()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut tensor = Tensor::from_f64s(DType::F32, &shape, &values).unwrap();
        if from_file {
            let path = dir.path().join("data");
            let bytes = tensor.bytes().unwrap();
            std::fs::write(&path, [&[9u8; 12][..], &bytes].concat()).unwrap();
            let file = MappedFile::open(&path).unwrap();
            let range = ByteRange::new(file, 12, bytes.len() as u64).unwrap();
            tensor = Tensor::from_range(DType::F32, shape, range).unwrap();
        }
        for step in &steps {
            (tensor, array) = apply(&tensor, &array, step);
        }
        check(&tensor, &array);
        let out = dir.path().join("out");
        let mut target = AtomicFile::create(&out).unwrap();
        append(&tensor, &mut target).unwrap();
        target.commit().unwrap();
        prop_assert_eq!(std::fs::read(&out).unwrap(), tensor.bytes().unwrap().to_vec());
    }
}

/// Writes one tensor where `out` stands.
fn append(tensor: &Tensor, out: &mut AtomicFile) -> modelport_diag::Result<()> {
    let at = out.position()?;
    write_all(&[(at, tensor)], out, &mut |_| {})?;
    out.seek(at + tensor.byte_len() as u64)
}

fn in_file(dir: &std::path::Path, shape: &[usize]) -> (Tensor, ArrayD<f32>) {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| (i % 7919) as f32).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let path = dir.join("source");
    std::fs::write(&path, bytes).unwrap();
    let range = ByteRange::whole(MappedFile::open(&path).unwrap());
    let tensor = Tensor::from_range(DType::F32, shape.to_vec(), range).unwrap();
    (tensor, ArrayD::from_shape_vec(IxDyn(shape), values).unwrap())
}

/// Tensors of many blocks: wide, tall, with rows longer than a block, too long to be one thread's work.
#[test]
fn large_tensors_are_written_in_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[usize], &[usize]); 8] = [
        (&[1801, 1803], &[1, 0]),
        (&[3, 3, 130, 517], &[3, 2, 0, 1]),
        (&[3, 3, 31, 40], &[3, 2, 0, 1]),
        (&[1000, 777], &[1, 0]),
        (&[3, 300_001], &[1, 0]),
        (&[300_001, 3], &[1, 0]),
        (&[2, 150_000, 3], &[2, 0, 1]),
        (&[7, 5, 11, 13, 101], &[4, 0, 2, 1, 3]),
    ];
    for (shape, perm) in cases {
        let (tensor, array) = in_file(dir.path(), shape);
        let permuted = array.permuted_axes(IxDyn(perm)).as_standard_layout().into_owned();
        let first: usize = permuted.shape()[0];
        let factors: Vec<f64> = (0..first).map(|i| [1.0, 0.5, -2.0][i % 3]).collect();
        let scaled = tensor.permute(perm).unwrap().scale(0, factors.clone().into()).unwrap();
        let flat = scaled.reshape(vec![permuted.len()]).unwrap();
        let path = dir.path().join("out");
        let mut out = AtomicFile::create(&path).unwrap();
        out.write(b"before").unwrap();
        append(&flat, &mut out).unwrap();
        out.write(b"after").unwrap();
        out.commit().unwrap();
        let row = permuted.len() / first;
        let want = permuted.iter().enumerate().flat_map(|(i, v)| (v * factors[i / row] as f32).to_le_bytes());
        let want: Vec<u8> = b"before".iter().copied().chain(want).chain(*b"after").collect();
        assert!(std::fs::read(&path).unwrap() == want, "{shape:?} {perm:?}");
    }
}

/// What is large, what is small and what has recipes, by several threads, each to its place; progress ends at all bytes.
#[test]
fn tensors_are_written_to_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let (tensor, _) = in_file(dir.path(), &[1801, 1803]);
    let mut tensors = vec![tensor.clone(), tensor.permute(&[1, 0]).unwrap()];
    for i in 0..40 {
        let part = tensor.narrow(0, i, 10 * i + 1).unwrap();
        tensors.push(if i % 2 == 0 { part.permute(&[1, 0]).unwrap() } else { part });
    }
    let path = dir.path().join("out");
    let out = AtomicFile::create(&path).unwrap();
    let (mut at, mut places, mut want) = (0, Vec::new(), Vec::new());
    for t in &tensors {
        places.push((at + 3, t));
        at += 3 + t.byte_len() as u64;
        want.extend([0; 3]);
        want.extend_from_slice(&t.bytes().unwrap());
    }
    let mut heard = Vec::new();
    write_all(&places, &out, &mut |written| heard.push(written)).unwrap();
    out.commit().unwrap();
    assert!(std::fs::read(&path).unwrap() == want);
    assert!(heard.is_sorted());
    assert_eq!(heard.last(), Some(&(at - 3 * tensors.len() as u64)));
}

/// Scaled where it stands, along an axis that blocks cut in the middle.
#[test]
fn a_scaled_range_is_written_in_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (tensor, array) = in_file(dir.path(), &[5, 70_001, 3]);
    for (axis, count) in [(0, 5), (1, 70_001), (2, 3)] {
        let factors: Vec<f64> = (0..count).map(|i| [1.0, 0.5, -2.0, 4.0][i % 4]).collect();
        let path = dir.path().join("out");
        let mut out = AtomicFile::create(&path).unwrap();
        let scaled = tensor.scale(axis, factors.clone().into()).unwrap();
        append(&scaled, &mut out).unwrap();
        out.commit().unwrap();
        let want: Vec<u8> =
            array.indexed_iter().flat_map(|(at, v)| (v * factors[at[axis]] as f32).to_le_bytes()).collect();
        assert!(std::fs::read(&path).unwrap() == want, "axis {axis}");
    }
}

#[test]
fn a_source_that_cannot_be_read_leaves_the_target() {
    let dir = tempfile::tempdir().unwrap();
    let (tensor, _) = in_file(dir.path(), &[1000, 777]);
    std::fs::OpenOptions::new().write(true).open(dir.path().join("source")).unwrap().set_len(1 << 20).unwrap();
    let path = dir.path().join("out");
    std::fs::write(&path, "old").unwrap();
    for lazy in [tensor.permute(&[1, 0]).unwrap(), tensor.scale(1, vec![2.0; 777].into()).unwrap()] {
        let mut out = AtomicFile::create(&path).unwrap();
        assert!(append(&lazy, &mut out).is_err());
        drop(out);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}

/// Full tiles and what is left over at both edges, for elements of every size.
#[test]
fn planes_of_every_element_size_are_transposed() {
    for dtype in [DType::U8, DType::F16, DType::F32, DType::F64, DType::C128] {
        let (rows, columns, size) = (130, 53, dtype.size());
        let bytes: Vec<u8> = (0..rows * columns * size).map(|i| (i * 7 + i / 251) as u8).collect();
        let plane = Tensor::from_bytes(dtype, vec![rows, columns], bytes.clone()).unwrap();
        let at = |r: usize, c: usize| bytes[(r * columns + c) * size..][..size].to_vec();
        let want: Vec<u8> = (0..columns).flat_map(|c| (0..rows).flat_map(|r| at(r, c)).collect::<Vec<_>>()).collect();
        assert!(plane.permute(&[1, 0]).unwrap().bytes().unwrap() == want, "{dtype}");
    }
}
