//! Attention inside of (shifted) windows, `shifted_window_attention` of `torchvision/models/swin_transformer.py`.
//!
//! Owns: that function. Sizes are known, so padding, shifts and the mask are constants.

use crate::emit::Arg;
use crate::modules::{Forward, Module, int, ints};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor, ValueId};

/// The geometry of one call.
struct Windows {
    size: (usize, usize),
    /// Of the map, before and after padding to whole windows.
    map: (usize, usize),
    padded: (usize, usize),
    shift: (usize, usize),
    heads: i64,
}

impl Windows {
    fn of(f: &Forward, m: &Module) -> Result<Self> {
        let Some(map) = f.image else { return Err(f.unsupported(m, "an image of unknown size")) };
        let pair = |name: &str| -> Result<(usize, usize)> {
            let wrong = || m.wrong(name, "two sizes");
            let v = m.ints(name, 2)?;
            Ok((usize::try_from(v[0]).map_err(|_| wrong())?, usize::try_from(v[1]).map_err(|_| wrong())?))
        };
        let (size, mut shift) = (pair("window_size")?, pair("shift_size")?);
        let fits = |n: usize| (1..=4096).contains(&n);
        if ![size.0, size.1, map.0, map.1].into_iter().all(fits) || shift.0 > size.0 || shift.1 > size.1 {
            return Err(m.wrong("window_size", "windows between 1 and 4096, of a map of such a size"));
        }
        let padded = (map.0.next_multiple_of(size.0), map.1.next_multiple_of(size.1));
        // A window over the whole map needs no shift.
        shift.0 = if size.0 >= padded.0 { 0 } else { shift.0 };
        shift.1 = if size.1 >= padded.1 { 0 } else { shift.1 };
        Ok(Self { size, map, padded, shift, heads: m.int("num_heads")? })
    }

    fn grid(&self) -> (usize, usize) {
        (self.padded.0 / self.size.0, self.padded.1 / self.size.1)
    }

    fn count(&self) -> usize {
        self.grid().0 * self.grid().1
    }

    fn tokens(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn shifted(&self) -> bool {
        self.shift.0 + self.shift.1 > 0
    }

    /// −100 between places that a shift brought together, of shape `[windows, 1, tokens, tokens]`.
    fn mask(&self, dtype: DType) -> Result<Tensor> {
        let (n, t) = (self.count(), self.tokens());
        if n.saturating_mul(t).saturating_mul(t) > 1 << 26 {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the mask of shifted windows would be too large"));
        }
        let part = |i: usize, whole: usize, window: usize, shift: usize| match i {
            // Without a shift the last slice starts at −0, which is the start: everything is in it.
            _ if shift == 0 => 2,
            i if i < whole - window => 0,
            i if i < whole - shift => 1,
            _ => 2,
        };
        let (rows, columns) = self.grid();
        let mut out = Vec::with_capacity(n * t * t);
        for window in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
            let label = |token: usize| {
                let row = window.0 * self.size.0 + token / self.size.1;
                let column = window.1 * self.size.1 + token % self.size.1;
                3 * part(row, self.padded.0, self.size.0, self.shift.0)
                    + part(column, self.padded.1, self.size.1, self.shift.1)
            };
            let labels: Vec<usize> = (0..t).map(label).collect();
            out.extend(labels.iter().flat_map(|a| labels.iter().map(move |b| if a == b { 0.0 } else { -100.0 })));
        }
        Tensor::from_f64s(dtype, &[n, 1, t, t], &out)
    }
}

/// Attention over a map `[batch, height, width, channels]`.
pub(super) fn attend(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let w = Windows::of(f, m)?;
    let channels = m.child("proj").and_then(|p| p.tensor("weight")).and_then(|t| t.shape().first().copied());
    let c = channels.filter(|c| *c > 0).ok_or_else(|| f.unsupported(m, "no `proj`"))? as i64;
    let mut x = x;
    let pads = [0, 0, 0, (w.padded.1 - w.map.1) as i64, 0, (w.padded.0 - w.map.0) as i64];
    if w.padded != w.map {
        x = f.op("aten::constant_pad_nd", vec![x.into(), ints(&pads), Arg::Float(0.0)]);
    }
    let (down, right) = (w.shift.0 as i64, w.shift.1 as i64);
    if w.shifted() {
        x = f.op("aten::roll", vec![x.into(), ints(&[-down, -right]), ints(&[1, 2])]);
    }
    let (rows, columns) = (w.grid().0 as i64, w.grid().1 as i64);
    let (height, width, tokens) = (w.size.0 as i64, w.size.1 as i64, w.tokens() as i64);
    x = f.reshape(x, &[-1, rows, height, columns, width, c]);
    x = f.permute(x, &[0, 1, 3, 2, 4, 5]);
    x = f.reshape(x, &[-1, tokens, c]);
    x = inside(f, m, x, &w, c)?;
    x = f.child(m, "proj", x)?;
    x = f.reshape(x, &[-1, rows, columns, height, width, c]);
    x = f.permute(x, &[0, 1, 3, 2, 4, 5]);
    x = f.reshape(x, &[-1, w.padded.0 as i64, w.padded.1 as i64, c]);
    if w.shifted() {
        x = f.op("aten::roll", vec![x.into(), ints(&[down, right]), ints(&[1, 2])]);
    }
    for (dim, (whole, kept)) in (1..).zip([(w.padded.0, w.map.0), (w.padded.1, w.map.1)]) {
        if whole != kept {
            x = f.op("aten::slice.Tensor", vec![x.into(), int(dim), int(0), int(kept as i64), int(1)]);
        }
    }
    Ok(x)
}

/// `x` is `[windows, tokens, channels]`; so is the result, before the last projection.
fn inside(f: &mut Forward, m: &Module, x: ValueId, w: &Windows, c: i64) -> Result<ValueId> {
    let cosine = m.tensor("logit_scale").is_some();
    let tokens = w.tokens() as i64;
    if w.heads <= 0 || c % w.heads != 0 {
        return Err(m.wrong("num_heads", &format!("a divisor of {c}")));
    }
    let qkv = project(f, m, x, cosine)?;
    let qkv = f.reshape(qkv, &[-1, tokens, 3, w.heads, c / w.heads]);
    let qkv = f.permute(qkv, &[2, 0, 3, 1, 4]);
    let [mut q, mut k, v] = [0, 1, 2].map(|i| f.op("aten::select.int", vec![qkv.into(), int(0), int(i)]));
    if cosine {
        q = normalised(f, q);
        k = normalised(f, k);
    } else {
        let scale = ((c / w.heads) as f64).powf(-0.5);
        q = f.op("aten::mul.Scalar", vec![q.into(), scale.into()]);
    }
    let k = f.op("aten::transpose.int", vec![k.into(), int(-2), int(-1)]);
    let mut scores = f.op("aten::matmul", vec![q.into(), k.into()]);
    if cosine {
        let scale = f.param(m, "logit_scale")?;
        let scale = f.op("aten::clamp", vec![scale.into(), Arg::None, Arg::Float(100f64.ln())]);
        let scale = f.op("aten::exp", vec![scale.into()]);
        scores = f.op("aten::mul.Tensor", vec![scores.into(), scale.into()]);
    }
    let bias = position_bias(f, m, tokens, cosine, w.heads)?;
    scores = f.add(scores, bias);
    if w.shifted() {
        let dtype = m.child("qkv").and_then(|q| q.tensor("weight")).map_or(DType::F32, Tensor::dtype);
        let mask = w.mask(dtype)?;
        let mask = f.constant("attn_mask", mask);
        scores = f.reshape(scores, &[-1, w.count() as i64, w.heads, tokens, tokens]);
        scores = f.add(scores, mask);
        scores = f.reshape(scores, &[-1, w.heads, tokens, tokens]);
    }
    let scores = f.op("aten::softmax.int", vec![scores.into(), int(-1)]);
    let x = f.op("aten::matmul", vec![scores.into(), v.into()]);
    let x = f.op("aten::transpose.int", vec![x.into(), int(1), int(2)]);
    Ok(f.reshape(x, &[-1, tokens, c]))
}

/// Query, key and value at once. With cosine attention the keys have no bias, whatever the file says.
fn project(f: &mut Forward, m: &Module, x: ValueId, cosine: bool) -> Result<ValueId> {
    let Some(qkv) = m.child("qkv").cloned() else { return Err(f.unsupported(m, "no `qkv`")) };
    let Some(bias) = qkv.tensor("bias").filter(|_| cosine) else { return f.child(m, "qkv", x) };
    let n = bias.shape().first().copied().unwrap_or(0) / 3;
    let zeros = Tensor::from_f64s(bias.dtype(), &[n], &vec![0.0; n])?;
    let bias = Tensor::concat(&[bias.narrow(0, 0, n)?, zeros, bias.narrow(0, 2 * n, n)?], 0)?;
    f.within("qkv", |f| {
        let weight = f.param(&qkv, "weight")?;
        let bias = f.constant("bias.without_key", bias);
        Ok(f.op("aten::linear", vec![x.into(), weight.into(), bias.into()]))
    })
}

/// `F.normalize(x, dim=-1)`
fn normalised(f: &mut Forward, x: ValueId) -> ValueId {
    let square = f.op("aten::mul.Tensor", vec![x.into(), x.into()]);
    let sum = f.op("aten::sum.dim_IntList", vec![square.into(), ints(&[-1]), true.into()]);
    let norm = f.op("aten::sqrt", vec![sum.into()]);
    let norm = f.op("aten::clamp_min", vec![norm.into(), Arg::Float(1e-12)]);
    f.op("aten::div.Tensor", vec![x.into(), norm.into()])
}

/// A bias for each pair of places and head, `[1, heads, tokens, tokens]`.
fn position_bias(f: &mut Forward, m: &Module, tokens: i64, cosine: bool, heads: i64) -> Result<ValueId> {
    let table = if cosine {
        let coordinates = f.param(m, "relative_coords_table")?;
        let table = f.child(m, "cpb_mlp", coordinates)?;
        f.reshape(table, &[-1, heads])
    } else {
        f.param(m, "relative_position_bias_table")?
    };
    let index = f.param(m, "relative_position_index")?;
    let index = f.reshape(index, &[-1]);
    let bias = f.op("aten::index_select", vec![table.into(), int(0), index.into()]);
    let bias = f.reshape(bias, &[tokens, tokens, -1]);
    let bias = f.permute(bias, &[2, 0, 1]);
    let bias = f.op("aten::unsqueeze", vec![bias.into(), int(0)]);
    Ok(if cosine {
        let bias = f.op("aten::sigmoid", vec![bias.into()]);
        f.op("aten::mul.Scalar", vec![bias.into(), Arg::Float(16.0)])
    } else {
        bias
    })
}
