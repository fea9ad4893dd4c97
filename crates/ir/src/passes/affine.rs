//! A batch normalisation as a line per channel: `scale·x + shift`.

use crate::Tensor;

/// A factor and a term per channel.
pub(super) struct Line {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

/// Channels beyond which parameters are weights and not read.
const MOST: usize = 1 << 20;

/// The line of a batch normalisation with constant scale, bias, mean, variance; `None` when they cannot be read or give
/// no finite numbers.
pub(super) fn of_batch_norm(parameters: [Option<&Tensor>; 4], epsilon: f64) -> Option<Line> {
    let mut values = parameters.into_iter().map(|t| t.filter(|t| t.len() <= MOST)?.to_f64s().ok());
    let mut next = || values.next().flatten();
    let (scale, bias, mean, variance) = (next()?, next()?, next()?, next()?);
    let scale: Vec<f64> = scale.iter().zip(&variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let shift: Vec<f64> = bias.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    let lengths = scale.len() == variance.len() && shift.len() == scale.len();
    (lengths && scale.iter().chain(&shift).all(|v| v.is_finite())).then_some(Line { scale, shift })
}
