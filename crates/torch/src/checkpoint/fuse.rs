//! Weights that a layer computes from others before it uses them: weight normalisation, as hooks
//! (`torch/nn/utils/weight_norm.py`: `weight_g`, `weight_v`) and as a parametrization (`torch/nn/utils/parametrizations.py`:
//! `parametrizations.weight.original0`, `original1`). A model for inference needs the result.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::{LazyBytes, encode_f64};
use modelport_ir::{DType, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The names of a pair and of what it makes.
struct Pair {
    g: String,
    v: String,
    weight: String,
}

/// The weights with every pair made one; what is done is said, and what cannot be.
pub(super) fn parametrizations(
    weights: Vec<(String, Tensor)>,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, Tensor)>> {
    let by_name: HashMap<&str, &Tensor> = weights.iter().map(|(n, t)| (n.as_str(), t)).collect();
    let pairs: Vec<Pair> = weights.iter().filter_map(|(n, _)| pair(n, &by_name)).collect();
    let spectral = weights.iter().filter(|(n, _)| is_spectral(n, &by_name)).count();
    let mut made = HashMap::new();
    let mut gone = HashSet::new();
    for pair in &pairs {
        let (Some(g), Some(v)) = (by_name.get(&*pair.g), by_name.get(&*pair.v)) else { continue };
        made.insert(pair.v.clone(), (pair.weight.clone(), normalised(g, v)?));
        gone.insert(pair.g.clone());
    }
    if !made.is_empty() {
        notes.push(format!("{} weights are computed from their weight normalisation (`g` and `v`)", made.len()));
    }
    if spectral > 0 {
        notes.push(format!("{spectral} weights are under spectral normalisation, which is not computed"));
    }
    let fused = weights.into_iter().filter(|(n, _)| !gone.contains(n));
    Ok(fused.map(|(n, t)| made.remove(&n).unwrap_or((n, t))).collect())
}

/// The pair whose `g` a name is, when the shapes are those of weight normalisation.
fn pair(name: &str, all: &HashMap<&str, &Tensor>) -> Option<Pair> {
    let (v, weight) = match name.strip_suffix(".original0") {
        Some(base) => {
            let (owner, weight) = base.rsplit_once("parametrizations.")?;
            (format!("{base}.original1"), format!("{owner}{weight}"))
        }
        None => {
            let weight = name.strip_suffix("_g")?;
            (format!("{weight}_v"), weight.to_owned())
        }
    };
    let (g_tensor, v_tensor) = (all.get(name)?, all.get(&*v)?);
    axis(g_tensor, v_tensor)?;
    (!all.contains_key(&*weight)).then(|| Pair { g: name.to_owned(), v, weight })
}

/// The axis that `g` has a length for; `Some(None)` when there is one length for all.
fn axis(g: &Tensor, v: &Tensor) -> Option<Option<usize>> {
    if g.dtype() != v.dtype() || !v.dtype().is_float() || v.is_empty() {
        return None;
    }
    if g.len() == 1 {
        return Some((g.rank() == v.rank() && v.rank() > 0 && v.shape()[0] == 1).then_some(0));
    }
    let along = (0..v.rank()).find(|&i| g.shape().get(i) == Some(&v.shape()[i]) && g.len() == v.shape()[i]);
    along.filter(|_| g.rank() == v.rank()).map(Some)
}

fn is_spectral(name: &str, all: &HashMap<&str, &Tensor>) -> bool {
    let old = name.strip_suffix("_orig").is_some_and(|base| all.contains_key(&*format!("{base}_u")));
    let new = name.strip_suffix(".original").is_some_and(|base| all.contains_key(&*format!("{base}.0._u")));
    old || new
}

/// `g * v / |v|`, where the length is over all axes but `g`'s.
fn normalised(g: &Tensor, v: &Tensor) -> Result<Tensor> {
    let along = axis(g, v).ok_or_else(|| Diagnostic::error(Code::INTERNAL, "no pair of a weight normalisation"))?;
    let source = Normalised { g: g.clone(), v: v.clone(), along };
    Tensor::from_lazy(v.dtype(), v.shape().to_vec(), Arc::new(source))
}

#[derive(Debug)]
struct Normalised {
    g: Tensor,
    v: Tensor,
    along: Option<usize>,
}

impl LazyBytes for Normalised {
    fn read(&self) -> Result<Vec<u8>> {
        let (lengths, values) = (self.g.to_f64s()?, self.v.to_f64s()?);
        let (n, inner) = match self.along {
            Some(axis) => (self.v.shape()[axis], self.v.shape()[axis + 1..].iter().product::<usize>()),
            None => (1, values.len()),
        };
        let mut squares = vec![0f64; n];
        for (i, value) in values.iter().enumerate() {
            squares[i / inner % n] += value * value;
        }
        let factors: Vec<f64> = squares.iter().zip(&lengths).map(|(s, g)| g / s.sqrt()).collect();
        let mut out = Vec::with_capacity(self.v.byte_len());
        for (i, value) in values.iter().enumerate() {
            encode_f64(self.dtype(), value * factors[i / inner % n], &mut out);
        }
        Ok(out)
    }

    fn describe(&self) -> String {
        format!("weight normalisation of {:?} to {:?} along {:?}", self.v, self.g, self.along)
    }
}

impl Normalised {
    fn dtype(&self) -> DType {
        self.v.dtype()
    }
}
