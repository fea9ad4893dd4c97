//! Pooling.

use super::{Class, Forward, Module, Val, ints, nn, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn_any("MaxPool1d", |f, m, x| max(f, m, x, 1)),
    nn_any("MaxPool2d", |f, m, x| max(f, m, x, 2)),
    nn_any("MaxPool3d", |f, m, x| max(f, m, x, 3)),
    nn("AvgPool1d", |f, m, x| average(f, m, x, 1)),
    nn("AvgPool2d", |f, m, x| average(f, m, x, 2)),
    nn("AvgPool3d", |f, m, x| average(f, m, x, 3)),
    nn("AdaptiveAvgPool1d", |f, m, x| adaptive(f, m, x, "aten::adaptive_avg_pool1d", 1)),
    nn("AdaptiveAvgPool2d", |f, m, x| adaptive(f, m, x, "aten::adaptive_avg_pool2d", 2)),
    nn("AdaptiveAvgPool3d", |f, m, x| adaptive(f, m, x, "aten::adaptive_avg_pool3d", 3)),
    nn("AdaptiveMaxPool1d", |f, m, x| adaptive(f, m, x, "aten::adaptive_max_pool1d", 1)),
    nn("AdaptiveMaxPool2d", |f, m, x| adaptive(f, m, x, "aten::adaptive_max_pool2d", 2)),
    nn("AdaptiveMaxPool3d", |f, m, x| adaptive(f, m, x, "aten::adaptive_max_pool3d", 3)),
    nn("LPPool1d", |f, m, x| power(f, m, x, 1)),
    nn("LPPool2d", |f, m, x| power(f, m, x, 2)),
    nn("FractionalMaxPool2d", |f, m, _| Err(f.unsupported(m, "random regions"))),
    nn("FractionalMaxPool3d", |f, m, _| Err(f.unsupported(m, "random regions"))),
];

/// A stride of `None` or an empty list is the kernel's size.
fn geometry(m: &Module, rank: usize) -> Result<(Vec<i64>, Vec<i64>)> {
    let kernel = m.ints("kernel_size", rank)?;
    let stride = match m.attr("stride") {
        None => kernel.clone(),
        Some(Attr::List(l)) if l.is_empty() => kernel.clone(),
        Some(_) => m.ints("stride", rank)?,
    };
    Ok((kernel, stride))
}

fn max(f: &mut Forward, m: &Module, inputs: &[Val], rank: usize) -> Result<Val> {
    let [Val::One(x)] = inputs else { return Err(f.arity(m, "one tensor", inputs)) };
    let (kernel, stride) = geometry(m, rank)?;
    let (padding, dilation) = (m.ints_or("padding", rank, 0)?, m.ints_or("dilation", rank, 1)?);
    let ceil = m.bool_or("ceil_mode", false);
    let args = vec![(*x).into(), ints(&kernel), ints(&stride), ints(&padding), ints(&dilation), ceil.into()];
    if m.bool_or("return_indices", false) {
        let results = f.emit.call(&format!("aten::max_pool{rank}d_with_indices"), args, Vec::new(), 2);
        return Ok(Val::Many(results.into_iter().map(Val::One).collect()));
    }
    Ok(f.op(&format!("aten::max_pool{rank}d"), args).into())
}

fn average(f: &mut Forward, m: &Module, x: ValueId, rank: usize) -> Result<ValueId> {
    let (kernel, stride) = geometry(m, rank)?;
    let padding = m.ints_or("padding", rank, 0)?;
    let mut args = vec![
        x.into(),
        ints(&kernel),
        ints(&stride),
        ints(&padding),
        m.bool_or("ceil_mode", false).into(),
        m.bool_or("count_include_pad", true).into(),
    ];
    if rank > 1 {
        args.push(m.attr("divisor_override").and_then(Attr::as_int).into());
    }
    Ok(f.op(&format!("aten::avg_pool{rank}d"), args))
}

fn adaptive(f: &mut Forward, m: &Module, x: ValueId, op: &str, rank: usize) -> Result<ValueId> {
    let size = match m.attr("output_size") {
        Some(Attr::List(items)) if items.len() == rank => items.clone(),
        Some(one) => vec![one.clone(); rank],
        None => return Err(m.wrong("output_size", "a size")),
    };
    // `None` in a size keeps the dimension.
    let mut sizes = Vec::new();
    for (i, item) in size.iter().enumerate() {
        sizes.push(match item.as_int() {
            Some(n) => Arg::Int(n),
            None => {
                let dim = i as i64 - rank as i64;
                Arg::Value(f.op("aten::sym_size.int", vec![x.into(), Arg::Int(dim)]))
            }
        });
    }
    // Of the maxima, their places are a second result, which the module drops.
    Ok(f.op(op, vec![x.into(), Arg::List(sizes)]))
}

/// `(Σ xᵖ)^(1/p)` over each window (`F.lp_pool2d`).
fn power(f: &mut Forward, m: &Module, x: ValueId, rank: usize) -> Result<ValueId> {
    let norm = m.float_or("norm_type", 2.0);
    let (kernel, stride) = geometry(m, rank)?;
    let raised = f.op("aten::pow.Tensor_Scalar", vec![x.into(), norm.into()]);
    let ceil = m.bool_or("ceil_mode", false);
    let args = vec![raised.into(), ints(&kernel), ints(&stride), ints(&vec![0; rank]), ceil.into()];
    let mean = f.op(&format!("aten::avg_pool{rank}d"), args);
    // Negative sums of odd powers become zero; their sign is put back by the factor.
    let sign = f.op("aten::sign", vec![mean.into()]);
    let size = f.op("aten::abs", vec![mean.into()]);
    let size = f.relu(size);
    let signed = f.op("aten::mul.Tensor", vec![sign.into(), size.into()]);
    let count = kernel.iter().fold(1i64, |a, &b| a.saturating_mul(b));
    let sum = f.op("aten::mul.Scalar", vec![signed.into(), (count as f64).into()]);
    Ok(f.op("aten::pow.Tensor_Scalar", vec![sum.into(), (1.0 / norm).into()]))
}
