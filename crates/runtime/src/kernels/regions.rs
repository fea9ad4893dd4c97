//! Regions of interest and boxes.

use super::Call;
use crate::Array;
use crate::array::{Num, real, shaped};
use modelport_diag::Result;
use modelport_ir::{DType, Op};

/// One axis of one bin: positions of the samples.
struct Samples {
    start: f64,
    step: f64,
    count: usize,
}

impl Samples {
    fn at(&self, i: usize) -> f64 {
        self.start + (i as f64 + 0.5) * self.step
    }
}

/// The two neighbours of a position along an axis of `n` with their weights; `None` when it is outside.
fn neighbours(x: f64, n: usize) -> Option<[(usize, f64); 2]> {
    if !(-1.0..=n as f64).contains(&x) || n == 0 {
        return None;
    }
    let x = x.max(0.0);
    let low = x as usize;
    if low + 1 >= n {
        return Some([(n - 1, 1.0), (n - 1, 0.0)]);
    }
    let part = x - low as f64;
    Some([(low, 1.0 - part), (low + 1, part)])
}

/// The weighted neighbours of a point of a plane; zeros when it is outside.
fn corners<T: Num>(plane: &[T], (height, width): (usize, usize), y: f64, x: f64) -> [f64; 4] {
    let (Some([a, b]), Some([p, q])) = (neighbours(y, height), neighbours(x, width)) else { return [0.0; 4] };
    [(a, p), (a, q), (b, p), (b, q)].map(|((i, v), (j, w))| plane[i * width + j].f64() * v * w)
}

/// The bins of one region along one axis: start of the region, size of a bin, samples in a bin.
fn bins(from: f64, to: f64, count: usize, sampling: usize, half_pixel: bool) -> (f64, f64, usize) {
    let size = if half_pixel { to - from } else { (to - from).max(1.0) };
    let samples = if sampling > 0 { sampling } else { (size / count as f64).ceil().max(0.0) as usize };
    (from, size / count as f64, samples)
}

pub(super) fn roi_align(c: &Call<'_>) -> Result<Vec<Array>> {
    let Op::RoiAlign { average, output_height, output_width, sampling_ratio, spatial_scale, half_pixel } = *c.op else {
        return Err(c.error("not a RoiAlign"));
    };
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let &[batch, channels, height, width] = x.shape() else { return Err(c.error("operand 0 must have rank 4")) };
    let (rois, images) = (c.x(1)?.to_f64s()?, c.ints(2)?);
    let offset = if half_pixel { 0.5 } else { 0.0 };
    real!(x.dtype(), T => {
        let data = T::read(x)?;
        let data = data.as_slice().ok_or_else(|| c.error("data are not contiguous"))?;
        let mut out = Vec::with_capacity(shape.iter().product());
        for (roi, &image) in rois.chunks_exact(4).zip(&images) {
            let image = c.index(image, batch)?;
            let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|i| roi[i] * spatial_scale - offset);
            let (top, bin_h, rows) = bins(y1, y2, output_height, sampling_ratio, half_pixel);
            let (left, bin_w, columns) = bins(x1, x2, output_width, sampling_ratio, half_pixel);
            // Samples are at most a few for each pixel of a region that lies in an image; more is damage.
            c.check_size(DType::F64, &[rows, columns])?;
            for ch in 0..channels {
                let plane = &data[(image * channels + ch) * height * width..][..height * width];
                for i in 0..output_height * output_width {
                    let (ph, pw) = ((i / output_width) as f64, (i % output_width) as f64);
                    let ys = Samples { start: top + ph * bin_h, step: bin_h / rows as f64, count: rows };
                    let xs = Samples { start: left + pw * bin_w, step: bin_w / columns as f64, count: columns };
                    out.push(T::of(bin(plane, (height, width), &ys, &xs, average)));
                }
            }
        }
        Ok(vec![T::store(shaped(&shape, out)?, x.dtype())?])
    })
}

/// One bin: the mean of interpolated samples, or the largest weighted neighbour of any sample, as ONNX defines it.
fn bin<T: Num>(plane: &[T], size: (usize, usize), ys: &Samples, xs: &Samples, average: bool) -> f64 {
    let (mut sum, mut most) = (0.0, None);
    for y in 0..ys.count {
        for x in 0..xs.count {
            let four = corners(plane, size, ys.at(y), xs.at(x));
            sum += four.iter().sum::<f64>();
            let top = four.into_iter().fold(f64::NEG_INFINITY, f64::max);
            most = Some(most.map_or(top, |m: f64| m.max(top)));
        }
    }
    if average { sum / (ys.count * xs.count).max(1) as f64 } else { most.unwrap_or(0.0) }
}

/// Corners of a box in order: y1, x1, y2, x2.
fn corners_of(b: &[f64], center: bool) -> [f64; 4] {
    let &[a, b, c, d] = b else { return [0.0; 4] };
    if center { [b - d / 2.0, a - c / 2.0, b + d / 2.0, a + c / 2.0] } else { [a.min(c), b.min(d), a.max(c), b.max(d)] }
}

fn area(b: &[f64; 4]) -> f64 {
    (b[2] - b[0]) * (b[3] - b[1])
}

/// Intersection over union; 0 when either box is empty.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let height = a[2].min(b[2]) - a[0].max(b[0]);
    let width = a[3].min(b[3]) - a[1].max(b[1]);
    if height <= 0.0 || width <= 0.0 || area(a) <= 0.0 || area(b) <= 0.0 {
        return 0.0;
    }
    height * width / (area(a) + area(b) - height * width)
}

pub(super) fn suppression(c: &Call<'_>, center: bool) -> Result<Vec<Array>> {
    let (boxes, scores) = (c.x(0)?, c.x(1)?);
    let (&[batch, n, four], &[batch_s, classes, n_s]) = (boxes.shape(), scores.shape()) else {
        return Err(c.error("boxes and scores must have rank 3"));
    };
    c.require(four == 4 && batch == batch_s && n == n_s, || "boxes and scores do not fit".to_owned())?;
    let most = match c.opt(2) {
        Some(_) => usize::try_from(c.int(2)?.max(0)).unwrap_or(usize::MAX),
        None => 0,
    };
    let (iou, threshold) = (c.opt_float(3)?.unwrap_or(0.0), c.opt_float(4)?);
    let (boxes, scores) = (boxes.to_f64s()?, scores.to_f64s()?);
    let corners: Vec<[f64; 4]> = boxes.chunks_exact(4).map(|b| corners_of(b, center)).collect();
    let mut out: Vec<i64> = Vec::new();
    for at in 0..batch * classes {
        let (image, scores) = (at / classes, &scores[at * n..(at + 1) * n]);
        let corners = &corners[image * n..(image + 1) * n];
        let mut order: Vec<usize> = (0..n).filter(|&i| threshold.is_none_or(|t| scores[i] > t)).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            if kept.len() >= most {
                break;
            }
            if kept.iter().all(|&k| overlap(&corners[k], &corners[i]) <= iou) {
                kept.push(i);
            }
        }
        out.extend(kept.iter().flat_map(|&i| [image as i64, (at % classes) as i64, i as i64]));
    }
    Ok(vec![Array::from_vec(&[out.len() / 3, 3], out)?])
}
