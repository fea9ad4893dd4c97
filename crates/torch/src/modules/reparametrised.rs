//! Weights that a hook computes from others before each call: `torch.nn.utils.weight_norm` and `spectral_norm`.
//!
//! Owns: those two. Must never know: how hooks are stored.

use super::forward::{Forward, int, ints};
use super::tree::Module;
use crate::emit::Arg;
use modelport_ir::{Attr, ValueId};

/// The attribute that the reader keeps hooks under: pairs of a weight's name and a dimension, by kind.
pub(crate) const WEIGHT_NORM: &str = "@weight_norm";
/// As [`WEIGHT_NORM`].
pub(crate) const SPECTRAL_NORM: &str = "@spectral_norm";

/// The weight `name`, where a hook computes it.
pub(crate) fn reparametrised(f: &mut Forward, m: &Module, name: &str) -> Option<ValueId> {
    let hook = |kind: &str| {
        let all = m.attr(kind)?.as_list()?;
        all.iter().find_map(|h| match h.as_list()? {
            [Attr::Str(n), dim] if n == name => Some(dim.as_int()),
            _ => None,
        })
    };
    let tensor = |f: &mut Forward, part: &str| {
        let key = format!("{name}_{part}");
        m.tensor(&key).cloned().map(|t| f.constant(&key, t))
    };
    if let Some(dim) = hook(WEIGHT_NORM) {
        let (g, v) = (tensor(f, "g")?, tensor(f, "v")?);
        let rank = m.tensor(&format!("{name}_v"))?.rank() as i64;
        return Some(weight_norm(f, g, v, dim, rank));
    }
    let dim = hook(SPECTRAL_NORM)?.unwrap_or(0);
    let (original, u) = (tensor(f, "orig")?, tensor(f, "u")?);
    let v = tensor(f, "v")?;
    let rank = m.tensor(&format!("{name}_orig"))?.rank() as i64;
    Some(spectral_norm(f, original, u, v, dim, rank))
}

/// `v · g / ‖v‖`, the norm over all dimensions but `dim`.
fn weight_norm(f: &mut Forward, g: ValueId, v: ValueId, dim: Option<i64>, rank: i64) -> ValueId {
    let square = f.op("aten::mul.Tensor", vec![v.into(), v.into()]);
    // `dim=None` is kept as −1.
    let dim = dim.filter(|d| *d >= 0);
    let dims: Vec<i64> = (0..rank).filter(|d| Some(*d) != dim).collect();
    let sum = f.op("aten::sum.dim_IntList", vec![square.into(), ints(&dims), dim.is_some().into()]);
    let norm = f.op("aten::sqrt", vec![sum.into()]);
    let factor = f.op("aten::div.Tensor", vec![g.into(), norm.into()]);
    f.op("aten::mul.Tensor", vec![v.into(), factor.into()])
}

/// `w / (u · W v)`, where `W` is the weight as a matrix with `dim` first. Inference iterates no further.
fn spectral_norm(f: &mut Forward, w: ValueId, u: ValueId, v: ValueId, dim: i64, rank: i64) -> ValueId {
    let first: Vec<i64> = std::iter::once(dim).chain((0..rank).filter(|d| *d != dim)).collect();
    let matrix = if dim == 0 { w } else { f.permute(w, &first) };
    let matrix = f.op("aten::flatten.using_ints", vec![matrix.into(), int(1), int(-1)]);
    let product = f.op("aten::matmul", vec![matrix.into(), v.into()]);
    let sigma = f.op("aten::matmul", vec![u.into(), product.into()]);
    f.op("aten::div.Tensor", vec![w.into(), Arg::Value(sigma)])
}
