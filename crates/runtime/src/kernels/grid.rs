//! `GridSample`: neighbours of given positions, weighted axis by axis.

use super::Call;
use super::special::round_even;
use crate::Array;
use crate::array::{Num, number, shaped, strides};
use modelport_diag::Result;
use modelport_ir::core::{GridMode, GridPadding};

/// What is the same for all positions along one spatial axis.
struct Line {
    size: usize,
    padding: GridPadding,
    align_corners: bool,
}

impl Line {
    /// The ends between which nothing is outside.
    fn borders(&self) -> (f64, f64) {
        let n = self.size as f64;
        if self.align_corners { (0.0, n - 1.0) } else { (-0.5, n - 0.5) }
    }

    /// From −1…1 to positions.
    fn position(&self, x: f64) -> f64 {
        let n = self.size as f64;
        if self.align_corners { (x + 1.0) / 2.0 * (n - 1.0) } else { ((x + 1.0) * n - 1.0) / 2.0 }
    }

    /// A position outside is moved to the edge or mirrored at the borders.
    fn inside(&self, x: f64) -> f64 {
        let (low, high) = self.borders();
        if (low..=high).contains(&x) || self.padding == GridPadding::Zeros {
            return x;
        }
        match self.padding {
            GridPadding::Reflection => reflect(x, low, high),
            _ => x.clamp(0.0, self.size as f64 - 1.0),
        }
    }

    /// The element at an index, which may be outside; `None` is zero.
    fn index(&self, i: f64) -> Option<usize> {
        let last = self.size as f64 - 1.0;
        let i = match self.padding {
            GridPadding::Zeros => Some(i).filter(|i| (0.0..=last).contains(i)),
            GridPadding::Border => Some(i.clamp(0.0, last)),
            GridPadding::Reflection => {
                let (low, high) = self.borders();
                Some(reflect(i, low, high).clamp(0.0, last))
            }
        };
        i.map(|i| i as usize)
    }

    /// Neighbours of a normalised position with their weights.
    fn taps(&self, mode: GridMode, x: f64) -> Vec<(Option<usize>, f64)> {
        let x = self.position(x);
        match mode {
            GridMode::Nearest => vec![(self.index(self.inside(round_even(x)).trunc()), 1.0)],
            GridMode::Linear => {
                let x = self.inside(x);
                let low = x.floor();
                vec![(self.index(low), 1.0 - (x - low)), (self.index(low + 1.0), x - low)]
            }
            GridMode::Cubic => {
                let x = self.inside(x);
                let low = x.floor();
                let tap = |k: f64| (self.index(low + k), cubic((x - low - k).abs()));
                [-1.0, 0.0, 1.0, 2.0].map(tap).to_vec()
            }
        }
    }
}

/// Keys' kernel with −0.75, as torch has it.
fn cubic(d: f64) -> f64 {
    const A: f64 = -0.75;
    if d <= 1.0 { ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0 } else { ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A }
}

fn reflect(x: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range <= 0.0 || !x.is_finite() {
        return low.max(0.0);
    }
    let r = (x - low).rem_euclid(2.0 * range);
    low + if r > range { 2.0 * range - r } else { r }
}

pub(super) fn grid_sample(c: &Call<'_>, mode: GridMode, padding: GridPadding, align: bool) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let spatial = &x.shape()[2..];
    c.require(!spatial.contains(&0) || shape.contains(&0), || "an empty image cannot be sampled".to_owned())?;
    let lines: Vec<Line> = spatial.iter().map(|&size| Line { size, padding, align_corners: align }).collect();
    let grid = c.x(1)?.to_f64s()?;
    let (channels, points): (usize, usize) = (shape[1], shape[2..].iter().product());
    let (image, steps) = (spatial.iter().product::<usize>(), strides(spatial));
    number!(x.dtype(), T => {
        let data = T::read(x)?;
        let data = data.as_slice().ok_or_else(|| c.error("data are not contiguous"))?;
        let mut out = vec![T::ZERO; shape.iter().product()];
        for (at, position) in grid.chunks_exact(lines.len()).enumerate() {
            let taps = neighbours(&lines, &steps, mode, position);
            let (n, point) = (at / points, at % points);
            for ch in 0..channels {
                let plane = &data[(n * channels + ch) * image..][..image];
                let sum: f64 = taps.iter().map(|&(i, w)| plane[i].f64() * w).sum();
                out[(n * channels + ch) * points + point] = T::of(sum);
            }
        }
        Ok(vec![T::store(shaped(&shape, out)?, x.dtype())?])
    })
}

/// All elements that make one point; the grid names the last axis first.
fn neighbours(lines: &[Line], steps: &[usize], mode: GridMode, position: &[f64]) -> Vec<(usize, f64)> {
    let mut all = vec![(0, 1.0)];
    for ((line, step), &x) in lines.iter().zip(steps).zip(position.iter().rev()) {
        let taps = line.taps(mode, x);
        let more = |&(base, v): &(usize, f64)| -> Vec<(usize, f64)> {
            taps.iter().filter_map(|&(i, w)| i.map(|i| (base + i * step, v * w))).collect()
        };
        all = all.iter().flat_map(more).collect();
    }
    all
}
