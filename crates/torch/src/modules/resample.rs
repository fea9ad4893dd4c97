//! Upsampling.

use super::{Class, Forward, Module, ints, nn};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("Upsample", |f, m, x| {
        let mode = m.str_or("mode", "nearest").to_owned();
        // `align_corners` was always true before torch 0.4; files of that age do not have the attribute.
        let old = !m.attrs.contains_key("align_corners") && mode != "nearest";
        let align = m.bool_or("align_corners", old);
        upsample(f, m, x, &mode, align)
    }),
    nn("UpsamplingNearest2d", |f, m, x| upsample(f, m, x, "nearest", false)),
    nn("UpsamplingBilinear2d", |f, m, x| upsample(f, m, x, "bilinear", true)),
];

/// `F.interpolate`: a size wins over factors; nearest takes no `align_corners`.
fn upsample(f: &mut Forward, m: &Module, x: ValueId, mode: &str, align: bool) -> Result<ValueId> {
    let size = m.attr("size");
    let factor = m.attr("scale_factor");
    let given = size.or(factor).and_then(Attr::as_list).map(<[Attr]>::len);
    let rank = match (mode, given) {
        ("linear", _) => 1,
        ("bilinear" | "bicubic", _) => 2,
        ("trilinear", _) => 3,
        (_, Some(n)) => n,
        // One number is for all dimensions, of which the input knows the count.
        (_, None) => f.emit.ty(x).map_or(2, |t| t.rank().saturating_sub(2)),
    };
    let (sizes, factors) = match (size, factor) {
        (Some(_), _) => (ints(&m.ints("size", rank)?), Arg::None),
        (None, Some(factor)) => scaled(f, m, x, factor, rank)?,
        (None, None) => return Err(m.wrong("scale_factor", "a size or a factor")),
    };
    let (name, aligned) = match mode {
        "nearest" | "nearest-exact" => (format!("{}{rank}d", mode.replace("nearest-exact", "_nearest_exact")), false),
        "linear" => ("linear1d".to_owned(), true),
        "bilinear" => ("bilinear2d".to_owned(), true),
        "bicubic" => ("bicubic2d".to_owned(), true),
        "trilinear" => ("trilinear3d".to_owned(), true),
        _ => return Err(f.unsupported(m, &format!("mode `{mode}`"))),
    };
    let op = match name.strip_prefix('_') {
        Some(exact) => format!("aten::_upsample_{exact}.vec"),
        None => format!("aten::upsample_{name}.vec"),
    };
    let args = if aligned { vec![x.into(), sizes, align.into(), factors] } else { vec![x.into(), sizes, factors] };
    Ok(f.op(&op, args))
}

/// By a factor. With `recompute_scale_factor` (torch 1.6) the size counts, and the exact ratio of sizes is the factor.
fn scaled(f: &mut Forward, m: &Module, x: ValueId, factor: &Attr, rank: usize) -> Result<(Arg, Arg)> {
    let wrong = || m.wrong("scale_factor", "a number, or one for each dimension");
    let factors: Option<Vec<f64>> = match factor {
        Attr::List(l) => l.iter().map(Attr::as_float).collect(),
        one => one.as_float().map(|v| vec![v; rank]),
    };
    let factors = factors.filter(|v| v.len() == rank).ok_or_else(wrong)?;
    if m.bool_or("recompute_scale_factor", false) && factors.iter().any(|v| v.fract() != 0.0) {
        let mut sizes = Vec::new();
        for (i, factor) in factors.iter().enumerate() {
            let size = f.emit.size(x, 2 + i as i64).ok_or_else(|| {
                f.unsupported(m, "`recompute_scale_factor` and a size that is known only at run time")
            })?;
            sizes.push((size as f64 * factor).floor() as i64);
        }
        return Ok((ints(&sizes), Arg::None));
    }
    Ok((Arg::None, Arg::List(factors.into_iter().map(Arg::Float).collect())))
}
