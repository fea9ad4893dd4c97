//! Resampling along one axis as a matrix: output × input weights.
//!
//! Owns: TensorFlow's kernels (tensorflow/core/kernels/image/{resize_bicubic_op,scale_and_translate_op}.cc, 2.15), which
//! no mode of ONNX's Resize gives to all digits. Must never know: layers.

/// A resampling kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    Triangle,
    KeysCubic,
    Lanczos(u8),
    Gaussian,
    MitchellCubic,
}

impl Kernel {
    /// Beyond this distance the weight is 0.
    fn radius(self) -> f64 {
        match self {
            Self::Triangle => 1.0,
            Self::KeysCubic | Self::MitchellCubic => 2.0,
            Self::Lanczos(n) => f64::from(n),
            Self::Gaussian => 1.5,
        }
    }

    /// The weight at a distance.
    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            _ if x > self.radius() => 0.0,
            Self::Triangle => (1.0 - x).max(0.0),
            Self::KeysCubic if x >= 2.0 => 0.0,
            Self::KeysCubic if x >= 1.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::KeysCubic => ((1.5 * x - 2.5) * x) * x + 1.0,
            Self::Lanczos(_) if x <= 1e-3 => 1.0,
            Self::Lanczos(n) => {
                let (r, pi) = (f64::from(n), std::f64::consts::PI);
                r * (pi * x).sin() * (pi * x / r).sin() / (pi * pi * x * x)
            }
            Self::Gaussian => (-(x * x) / (2.0 * 0.5 * 0.5)).exp(),
            Self::MitchellCubic if x >= 2.0 => 0.0,
            Self::MitchellCubic if x >= 1.0 => (((-7.0 / 18.0) * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0,
            Self::MitchellCubic => (((7.0 / 6.0) * x - 2.0) * x) * x + 8.0 / 9.0,
        }
    }
}

/// Weights of `ScaleAndTranslate` from `input` to `output` elements, row-major output × input.
pub(super) fn scaled(kernel: Kernel, input: usize, output: usize, antialias: bool) -> Vec<f64> {
    let inverse = input as f64 / output as f64;
    let stretch = if antialias { inverse.max(1.0) } else { 1.0 };
    let reach = kernel.radius() * stretch;
    let mut weights = Vec::with_capacity(input * output);
    for o in 0..output {
        let sample = (o as f64 + 0.5) * inverse;
        let (first, last) = ((sample - reach - 0.5).ceil(), (sample + reach - 0.5).floor());
        let row: Vec<f64> = (0..input)
            .map(|i| {
                let inside = (first..=last).contains(&(i as f64));
                if inside { kernel.weight((i as f64 + 0.5 - sample) / stretch) } else { 0.0 }
            })
            .collect();
        push_normalized(&mut weights, &row);
    }
    weights
}

fn push_normalized(weights: &mut Vec<f64>, row: &[f64]) {
    let sum: f64 = row.iter().sum();
    let factor = if sum.abs() > 1e-35 { 1.0 / sum } else { 1.0 };
    weights.extend(row.iter().map(|w| w * factor));
}

/// Steps of TensorFlow's table of cubic weights.
const TABLE: f32 = 1024.0;

/// Weights of `ResizeBicubic` with half-pixel centres, whose offsets are rounded to a table's steps.
pub(super) fn bicubic(input: usize, output: usize) -> Vec<f64> {
    let scale = input as f32 / output as f32;
    let mut weights = Vec::with_capacity(input * output);
    for o in 0..output {
        let at = (o as f32 + 0.5) * scale - 0.5;
        let base = at.floor();
        let offset = f64::from(((at - base) * TABLE).round_ties_even() / TABLE);
        let mut row = vec![0.0; input];
        for (step, distance) in [(-1, 1.0 + offset), (0, offset), (1, 1.0 - offset), (2, 2.0 - offset)] {
            let index = base as i64 + step;
            if let Some(w) = usize::try_from(index).ok().and_then(|i| row.get_mut(i)) {
                *w = Kernel::KeysCubic.weight(distance);
            }
        }
        push_normalized(&mut weights, &row);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::{Kernel, bicubic, scaled};

    #[test]
    fn rows_sum_to_one() {
        for m in [bicubic(5, 9), scaled(Kernel::Lanczos(3), 9, 4, true), scaled(Kernel::Triangle, 4, 7, false)] {
            let total: f64 = m.iter().sum();
            assert!((total - total.round()).abs() < 1e-9);
        }
    }

    #[test]
    fn doubling_by_triangles_is_linear_interpolation() {
        let want = [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0];
        for (a, b) in scaled(Kernel::Triangle, 2, 4, false).iter().zip(want) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}
