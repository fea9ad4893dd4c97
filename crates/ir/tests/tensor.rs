//! Lazy tensors against ndarray: random chains of recipes, from memory and from a file.
#![allow(clippy::unwrap_used)]

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
        tensor.write_to(&mut target).unwrap();
        target.commit().unwrap();
        prop_assert_eq!(std::fs::read(&out).unwrap(), tensor.bytes().unwrap().to_vec());
    }
}
