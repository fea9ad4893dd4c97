//! Recurrent ops, in ONNX's gate order and layout 0.

use super::Call;
use super::special::{sigmoid, softplus};
use crate::Array;
use crate::array::{Num, Real, real};
use modelport_diag::Result;
use modelport_ir::core::{Direction, RnnActivation};
use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, Ix2, Ix3};

/// What all recurrent ops have.
pub(super) struct Spec<'a> {
    pub(super) hidden: usize,
    pub(super) direction: Direction,
    pub(super) activations: &'a [RnnActivation],
    pub(super) clip: Option<f64>,
}

impl Spec<'_> {
    /// Activation `i` of direction `d`, as a function that clips its argument first.
    fn activation<T: Real>(&self, d: usize, i: usize, defaults: &[RnnActivation]) -> impl Fn(T) -> T {
        let given = self.activations.get(d * defaults.len() + i).or_else(|| defaults.get(i)).cloned();
        let clip = self.clip.map(T::of);
        move |x: T| {
            let x = clip.map_or(x, |c| x.max(-c).min(c));
            given.as_ref().map_or(x, |a| activate(a, x))
        }
    }
}

fn activate<T: Real>(a: &RnnActivation, x: T) -> T {
    use RnnActivation::*;
    let (zero, one, of) = (T::ZERO, T::ONE, T::of);
    match *a {
        Relu => x.max(zero),
        Tanh => x.tanh(),
        Sigmoid => sigmoid(x),
        Affine(a, b) => of(a) * x + of(b),
        LeakyRelu(a) => {
            if x < zero {
                of(a) * x
            } else {
                x
            }
        }
        ThresholdedRelu(a) => {
            if x >= of(a) {
                x
            } else {
                zero
            }
        }
        ScaledTanh(a, b) => of(a) * (of(b) * x).tanh(),
        HardSigmoid(a, b) => (of(a) * x + of(b)).max(zero).min(one),
        Elu(a) => {
            if x < zero {
                of(a) * x.exp_m1()
            } else {
                x
            }
        }
        Softsign => x / (one + x.abs()),
        Softplus => softplus(x),
    }
}

/// The weights of one direction.
struct Weights<T> {
    /// gates·hidden × hidden.
    recurrent: Array2<T>,
    /// Time·batch × gates·hidden: `x·Wᵀ + Wb`.
    input: Array2<T>,
    /// gates·hidden: `Rb`.
    bias: Array1<T>,
}

/// The state of one direction, batch × hidden.
struct State<T> {
    h: Array2<T>,
    c: Array2<T>,
}

fn cube<T: Real>(c: &Call<'_>, i: usize) -> Result<Option<Array3<T>>> {
    let Some(a) = c.opt(i) else { return Ok(None) };
    let a = T::read(a)?.into_owned().into_dimensionality::<Ix3>();
    a.map(Some).map_err(|_| c.error(format!("operand {i} must have rank 3")))
}

/// Row `d` of an optional matrix operand, zeros when it is absent.
fn row<T: Real>(c: &Call<'_>, i: usize, d: usize, n: usize) -> Result<Array1<T>> {
    let Some(a) = c.opt(i) else { return Ok(Array1::zeros(n)) };
    let a = T::read(a)?.into_owned().into_dimensionality::<Ix2>();
    Ok(a.map_err(|_| c.error(format!("operand {i} must have rank 2")))?.row(d).to_owned())
}

fn weights<T: Real>(c: &Call<'_>, spec: &Spec<'_>, d: usize, gates: usize) -> Result<Weights<T>> {
    let missing = || c.error("an operand is missing");
    let x = cube::<T>(c, 0)?.ok_or_else(missing)?;
    let (w, r) = (cube::<T>(c, 1)?.ok_or_else(missing)?, cube::<T>(c, 2)?.ok_or_else(missing)?);
    let (steps, batch, features) = x.dim();
    let x = x.into_shape_with_order((steps * batch, features)).map_err(|_| c.error("operand 0 is not contiguous"))?;
    let rows = gates * spec.hidden;
    let bias = row::<T>(c, 3, d, 2 * rows)?;
    let (input_bias, bias) = bias.view().split_at(Axis(0), rows);
    let input = super::matmul::product(x.view(), w.index_axis(Axis(0), d).t()) + input_bias;
    Ok(Weights { recurrent: r.index_axis(Axis(0), d).to_owned(), input, bias: bias.to_owned() })
}

/// Everything of one time step of one sequence that a cell needs; slices are hidden long, `gates` gates·hidden.
struct Step<'a, T> {
    /// `x·Wᵀ + Wb`.
    input: ArrayView1<'a, T>,
    /// `h·Rᵀ`.
    recurrent: ArrayView1<'a, T>,
    /// `Rb`.
    bias: &'a Array1<T>,
    h: ArrayView1<'a, T>,
    c: ArrayView1<'a, T>,
}

impl<T: Real> Step<'_, T> {
    /// The sum of all that enters gate `g`, element `j`.
    fn gate(&self, g: usize, j: usize) -> T {
        let at = g * self.h.len() + j;
        self.input[at] + self.recurrent[at] + self.bias[at]
    }
}

/// Runs all directions: `cell` gives the next h and c of one sequence. Returns y, h, c.
fn run<T: Real>(
    c: &Call<'_>,
    spec: &Spec<'_>,
    gates: usize,
    cell: impl Fn(usize, &Step<'_, T>, &Weights<T>) -> (Vec<T>, Vec<T>),
) -> Result<[Array; 3]> {
    let &[steps, batch, _] = c.x(0)?.shape() else { return Err(c.error("operand 0 must have rank 3")) };
    let directions = spec.direction.count();
    let lengths = lengths(c, steps, batch)?;
    let mut y = Array4::from_elem((steps, directions, batch, spec.hidden), T::ZERO);
    let mut last_h = Array3::from_elem((directions, batch, spec.hidden), T::ZERO);
    let mut last_c = last_h.clone();
    for d in 0..directions {
        let w = weights::<T>(c, spec, d, gates)?;
        let start = |i: usize| -> Result<Array2<T>> {
            let given = cube::<T>(c, i)?.map(|a| a.index_axis(Axis(0), d).to_owned());
            Ok(given.unwrap_or_else(|| Array2::zeros((batch, spec.hidden))))
        };
        let mut state = State { h: start(5)?, c: start(6)? };
        let reverse = spec.direction == Direction::Reverse || d == 1;
        for k in 0..steps {
            let recurrent = super::matmul::product(state.h.view(), w.recurrent.t());
            for b in (0..batch).filter(|&b| k < lengths[b]) {
                let t = if reverse { lengths[b] - 1 - k } else { k };
                let step = step(&w, recurrent.view(), &state, t * batch + b, b);
                let (h, c) = cell(d, &step, &w);
                (0..spec.hidden).for_each(|j| y[[t, d, b, j]] = h[j]);
                state.h.row_mut(b).iter_mut().zip(h).for_each(|(s, h)| *s = h);
                state.c.row_mut(b).iter_mut().zip(c).for_each(|(s, c)| *s = c);
            }
        }
        last_h.index_axis_mut(Axis(0), d).assign(&state.h);
        last_c.index_axis_mut(Axis(0), d).assign(&state.c);
    }
    let dtype = c.dtype();
    Ok([T::store(y.into_dyn(), dtype)?, T::store(last_h.into_dyn(), dtype)?, T::store(last_c.into_dyn(), dtype)?])
}

fn step<'a, T: Real>(
    w: &'a Weights<T>,
    recurrent: ArrayView2<'a, T>,
    state: &'a State<T>,
    row: usize,
    b: usize,
) -> Step<'a, T> {
    Step {
        input: w.input.row(row),
        recurrent: recurrent.index_axis_move(Axis(0), b),
        bias: &w.bias,
        h: state.h.row(b),
        c: state.c.row(b),
    }
}

/// How many steps each sequence has; beyond them y is zero.
fn lengths(c: &Call<'_>, steps: usize, batch: usize) -> Result<Vec<usize>> {
    if c.opt(4).is_none() {
        return Ok(vec![steps; batch]);
    }
    let given = c.ints(4)?.into_iter().map(|l| usize::try_from(l).ok().filter(|&l| l <= steps));
    given.collect::<Option<_>>().ok_or_else(|| c.error(format!("sequence lengths must be between 0 and {steps}")))
}

pub(super) fn lstm(c: &Call<'_>, spec: &Spec<'_>, input_forget: bool) -> Result<Vec<Array>> {
    const DEFAULTS: &[RnnActivation] = &[RnnActivation::Sigmoid, RnnActivation::Tanh, RnnActivation::Tanh];
    let n = spec.hidden;
    real!(c.dtype(), T => {
        let peepholes = (0..spec.direction.count()).map(|d| row::<T>(c, 7, d, 3 * n)).collect::<Result<Vec<_>>>()?;
        let [y, h, c] = run::<T>(c, spec, 4, |d, s, _| {
            let [f, g, last] = [0, 1, 2].map(|i| spec.activation::<T>(d, i, DEFAULTS));
            let p = &peepholes[d];
            let cell = |j: usize| {
                let before = s.c[j];
                let input = f(s.gate(0, j) + p[j] * before);
                let forget = if input_forget { T::ONE - input } else { f(s.gate(2, j) + p[2 * n + j] * before) };
                let now = forget * before + input * g(s.gate(3, j));
                (f(s.gate(1, j) + p[n + j] * now) * last(now), now)
            };
            (0..n).map(cell).unzip()
        })?;
        Ok(vec![y, h, c])
    })
}

pub(super) fn gru(c: &Call<'_>, spec: &Spec<'_>, linear_before_reset: bool) -> Result<Vec<Array>> {
    const DEFAULTS: &[RnnActivation] = &[RnnActivation::Sigmoid, RnnActivation::Tanh];
    let n = spec.hidden;
    real!(c.dtype(), T => {
        let [y, h, _] = run::<T>(c, spec, 3, |d, s, w| {
            let [f, g] = [0, 1].map(|i| spec.activation::<T>(d, i, DEFAULTS));
            let reset: Vec<T> = (0..n).map(|j| f(s.gate(1, j))).collect();
            let scaled: Array1<T> = s.h.iter().zip(&reset).map(|(&h, &r)| h * r).collect();
            let next = |j: usize| {
                let at = 2 * n + j;
                let inner = if linear_before_reset {
                    reset[j] * (s.recurrent[at] + s.bias[at])
                } else {
                    w.recurrent.row(at).dot(&scaled) + s.bias[at]
                };
                let update = f(s.gate(0, j));
                (T::ONE - update) * g(s.input[at] + inner) + update * s.h[j]
            };
            ((0..n).map(next).collect(), Vec::new())
        })?;
        Ok(vec![y, h])
    })
}

pub(super) fn rnn(c: &Call<'_>, spec: &Spec<'_>) -> Result<Vec<Array>> {
    real!(c.dtype(), T => {
        let [y, h, _] = run::<T>(c, spec, 1, |d, s, _| {
            let f = spec.activation::<T>(d, 0, &[RnnActivation::Tanh]);
            ((0..spec.hidden).map(|j| f(s.gate(0, j))).collect(), Vec::new())
        })?;
        Ok(vec![y, h])
    })
}
