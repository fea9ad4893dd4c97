//! `Resize`: every mode is a sum of weighted neighbours along one axis, applied axis after axis.

use super::Call;
use super::movement::picked;
use crate::Array;
use crate::array::{Num, number, real};
use modelport_diag::Result;
use modelport_ir::Op;
use modelport_ir::core::{CoordinateMode, NearestMode, ResizeMode};
use ndarray::{ArrayD, Axis, IxDyn};

/// How one axis is resampled.
struct Resample {
    input: usize,
    output: usize,
    /// The scale as given; `None` when the output size was, which makes it exact.
    scale: Option<f32>,
}

impl Resample {
    fn scale(&self) -> f64 {
        self.scale.map_or(self.output as f64 / self.input as f64, f64::from)
    }

    /// `x / scale`: in f32 for a scale that was given in f32, by exact sizes otherwise.
    fn unscaled(&self, x: f64) -> f64 {
        match self.scale {
            Some(s) => f64::from(x as f32 / s),
            None => x * self.input as f64 / self.output as f64,
        }
    }

    /// The position in the input that output `x` is taken from.
    fn origin(&self, mode: CoordinateMode, x: usize) -> f64 {
        let x = x as f64;
        let (input, width) = (self.input as f64, self.scale() * self.input as f64);
        match mode {
            CoordinateMode::HalfPixel => self.unscaled(x + 0.5) - 0.5,
            CoordinateMode::HalfPixelSymmetric => {
                let adjustment = self.output as f64 / width;
                input / 2.0 * (1.0 - adjustment) + self.unscaled(x + 0.5) - 0.5
            }
            CoordinateMode::PytorchHalfPixel if self.output <= 1 => 0.0,
            CoordinateMode::PytorchHalfPixel => self.unscaled(x + 0.5) - 0.5,
            CoordinateMode::AlignCorners if width == 1.0 || self.output <= 1 => 0.0,
            CoordinateMode::AlignCorners => x * (input - 1.0) / (width - 1.0),
            CoordinateMode::Asymmetric => self.unscaled(x),
            CoordinateMode::TfHalfPixelForNn => self.unscaled(x + 0.5),
        }
    }
}

fn nearest(mode: NearestMode, x: f64) -> f64 {
    match mode {
        NearestMode::RoundPreferFloor => (x - 0.5).ceil(),
        NearestMode::RoundPreferCeil => (x + 0.5).floor(),
        NearestMode::Floor => x.floor(),
        NearestMode::Ceil => x.ceil(),
    }
}

/// The weight of a neighbour at distance `d`.
fn weight(mode: ResizeMode, a: f64, d: f64) -> f64 {
    let d = d.abs();
    match mode {
        ResizeMode::Cubic if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
        ResizeMode::Cubic if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
        ResizeMode::Cubic => 0.0,
        ResizeMode::Linear | ResizeMode::Nearest => (1.0 - d).max(0.0),
    }
}

/// The attributes that say how neighbours are weighted.
struct Filter {
    mode: ResizeMode,
    cubic_a: f64,
    antialias: bool,
    exclude_outside: bool,
}

impl Filter {
    /// Neighbours of position `x` with their weights, which sum to 1; those outside repeat the edge.
    fn taps(&self, r: &Resample, x: f64) -> Vec<(usize, f64)> {
        // Shrinking with antialiasing widens the filter by the scale.
        let scale = if self.antialias { r.scale().min(1.0) } else { 1.0 };
        let reach = if self.mode == ResizeMode::Cubic { 2.0 } else { 1.0 } / scale;
        let (first, last) = ((x - reach).floor() as i64, (x + reach).ceil() as i64);
        let edge = r.input as i64 - 1;
        let mut taps: Vec<(usize, f64)> = Vec::new();
        for i in first..=last {
            let w = weight(self.mode, self.cubic_a, (i as f64 - x) * scale);
            if w != 0.0 && (!self.exclude_outside || (0..=edge).contains(&i)) {
                taps.push((i.clamp(0, edge) as usize, w));
            }
        }
        let sum: f64 = taps.iter().map(|t| t.1).sum();
        taps.iter_mut().for_each(|t| t.1 /= sum);
        taps
    }
}

pub(super) fn resize(c: &Call<'_>) -> Result<Vec<Array>> {
    let Op::Resize { mode, coordinates, nearest: rounding, cubic_a, antialias, exclude_outside, axes, .. } = c.op
    else {
        return Err(c.error("not a Resize"));
    };
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let axes: Vec<usize> = match axes.as_slice() {
        [] => (0..x.rank()).collect(),
        given => given.iter().map(|&a| c.axis(a, x.rank())).collect::<Result<_>>()?,
    };
    let scales = c.opt(1).map(Array::to_f64s).transpose()?;
    let mut plans = Vec::new();
    for (i, &axis) in axes.iter().enumerate() {
        let scale = scales.as_ref().and_then(|s| s.get(i)).map(|&s| s as f32);
        let r = Resample { input: x.shape()[axis], output: shape[axis], scale };
        c.require(r.input > 0 || r.output == 0, || "an empty axis cannot grow".to_owned())?;
        if r.input != r.output || scale.is_some_and(|s| s != 1.0) {
            plans.push((axis, r));
        }
    }
    if *mode == ResizeMode::Nearest {
        let mut maps = super::movement::identity(x.shape());
        for (axis, r) in &plans {
            let at = |o| nearest(*rounding, r.origin(*coordinates, o)).clamp(0.0, r.input as f64 - 1.0) as usize;
            maps[*axis] = (0..r.output).map(at).collect();
        }
        return Ok(vec![picked(x, maps)?]);
    }
    let filter = Filter { mode: *mode, cubic_a: *cubic_a, antialias: *antialias, exclude_outside: *exclude_outside };
    let floats: ArrayD<f64> =
        ArrayD::from_shape_vec(IxDyn(x.shape()), x.to_f64s()?).map_err(|_| c.error("operand 0 is not contiguous"))?;
    let out = plans.iter().fold(floats, |data, (axis, r)| resample(&data, *axis, r, *coordinates, &filter));
    if x.dtype().is_float() {
        return real!(x.dtype(), T => Ok(vec![T::store(out.mapv(T::of), x.dtype())?]));
    }
    number!(x.dtype(), T => Ok(vec![T::store(out.mapv(T::of), x.dtype())?]))
}

/// One axis, all others as they are.
fn resample(data: &ArrayD<f64>, axis: usize, r: &Resample, mode: CoordinateMode, filter: &Filter) -> ArrayD<f64> {
    let mut shape = data.shape().to_vec();
    shape[axis] = r.output;
    let mut out = ArrayD::zeros(IxDyn(&shape));
    for (o, mut slice) in out.axis_iter_mut(Axis(axis)).enumerate() {
        for (i, w) in filter.taps(r, r.origin(mode, o)) {
            slice.scaled_add(w, &data.index_axis(Axis(axis), i));
        }
    }
    out
}
