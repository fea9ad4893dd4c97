//! Recurrent ops with one hidden unit, so that every number can be followed.

use super::support::{Case, case, case_opt, f};
use modelport_ir::Op;
use modelport_ir::core::{Direction, RnnActivation};
use modelport_runtime::Array;

fn lengths(v: &[i32]) -> Array {
    Array::from_vec(&[v.len()], v.to_vec()).unwrap()
}

/// Activations that leave numbers as they are.
fn linear(n: usize) -> Vec<RnnActivation> {
    vec![RnnActivation::Affine(1., 0.); n]
}

fn rnn(direction: Direction, activations: Vec<RnnActivation>, clip: Option<f64>) -> Op {
    Op::Rnn { hidden: 1, direction, activations, clip }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = plain();
    all.extend(gated());
    all.extend(lstms());
    all
}

fn plain() -> Vec<Case> {
    // Two steps, two sequences; h = x + 10·h.
    let x = || f(&[2, 2, 1], &[1., 2., 3., 4.]);
    let (w, r) = (|| f(&[1, 1, 1], &[1.]), || f(&[1, 1, 1], &[10.]));
    vec![
        case(
            rnn(Direction::Forward, linear(1), None),
            &[x(), w(), r()],
            &[f(&[2, 1, 2, 1], &[1., 2., 13., 24.]), f(&[1, 2, 1], &[13., 24.])],
        ),
        case(
            rnn(Direction::Reverse, linear(1), None),
            &[x(), w(), r()],
            &[f(&[2, 1, 2, 1], &[31., 42., 3., 4.]), f(&[1, 2, 1], &[31., 42.])],
        ),
        // The first sequence ends after one step.
        case_opt(
            rnn(Direction::Forward, linear(1), None),
            vec![Some(x()), Some(w()), Some(r()), None, Some(lengths(&[1, 2]))],
            &[f(&[2, 1, 2, 1], &[1., 2., 0., 24.]), f(&[1, 2, 1], &[1., 24.])],
        ),
        case_opt(
            rnn(Direction::Reverse, linear(1), None),
            vec![Some(x()), Some(w()), Some(r()), None, Some(lengths(&[1, 2])), Some(f(&[1, 2, 1], &[1., 1.]))],
            &[f(&[2, 1, 2, 1], &[11., 142., 0., 14.]), f(&[1, 2, 1], &[11., 142.])],
        ),
        case(
            rnn(Direction::Bidirectional, linear(2), None),
            &[
                f(&[2, 1, 1], &[1., 2.]),
                f(&[2, 1, 1], &[1., 100.]),
                f(&[2, 1, 1], &[10., 1.]),
                f(&[2, 2], &[0.5, 0., 0., 0.5]),
            ],
            &[f(&[2, 2, 1, 1], &[1.5, 301., 17.5, 200.5]), f(&[2, 1, 1], &[17.5, 301.])],
        ),
        case(
            rnn(Direction::Forward, linear(1), Some(5.)),
            &[f(&[1, 1, 1], &[9.]), w(), r()],
            &[f(&[1, 1, 1, 1], &[5.]), f(&[1, 1, 1], &[5.])],
        ),
        case(
            rnn(Direction::Forward, vec![], None),
            &[f(&[1, 1, 1], &[0.5]), w(), r()],
            &[f(&[1, 1, 1, 1], &[0.462117157]), f(&[1, 1, 1], &[0.462117157])],
        ),
    ]
}

fn gated() -> Vec<Case> {
    // Gates z, r, h; z = 0.5 and r = 0.5 by their biases, the candidate is linear.
    let gru = |linear_before_reset| Op::Gru {
        hidden: 1,
        direction: Direction::Forward,
        activations: linear(2),
        clip: None,
        linear_before_reset,
    };
    let inputs = || {
        vec![
            Some(f(&[1, 1, 1], &[3.])),
            Some(f(&[1, 3, 1], &[0., 0., 1.])),
            Some(f(&[1, 3, 1], &[0., 0., 4.])),
            Some(f(&[1, 6], &[0.5, 0.5, 0.25, 0., 0., 2.])),
            None,
            Some(f(&[1, 1, 1], &[2.])),
        ]
    };
    let out = |v: f32| [f(&[1, 1, 1, 1], &[v]), f(&[1, 1, 1], &[v])];
    vec![
        // candidate 3 + 0.25 + (0.5·2)·4 + 2 = 9.25; 0.5·9.25 + 0.5·2
        case_opt(gru(false), inputs(), &out(5.625)),
        // candidate 3 + 0.25 + 0.5·(2·4 + 2) = 8.25; 0.5·8.25 + 0.5·2
        case_opt(gru(true), inputs(), &out(5.125)),
    ]
}

fn lstms() -> Vec<Case> {
    // Gates i, o, f, c by their biases 0.5, 2, 0.25, 1; all activations are linear.
    let lstm = |input_forget| Op::Lstm {
        hidden: 1,
        direction: Direction::Forward,
        activations: linear(3),
        clip: None,
        input_forget,
    };
    let inputs = |peepholes| {
        vec![
            Some(f(&[1, 1, 1], &[3.])),
            Some(f(&[1, 4, 1], &[0., 0., 0., 1.])),
            Some(f(&[1, 4, 1], &[0., 0., 0., 10.])),
            Some(f(&[1, 8], &[0.5, 2., 0.25, 1., 0., 0., 0., 0.])),
            None,
            Some(f(&[1, 1, 1], &[0.5])),
            Some(f(&[1, 1, 1], &[8.])),
            peepholes,
        ]
    };
    let out = |h: f32, c: f32| [f(&[1, 1, 1, 1], &[h]), f(&[1, 1, 1], &[h]), f(&[1, 1, 1], &[c])];
    vec![
        // candidate 3 + 1 + 5 = 9; c = 0.25·8 + 0.5·9 = 6.5; h = 2·6.5
        case_opt(lstm(false), inputs(None), &out(13., 6.5)),
        // forget = 1 − 0.5; c = 4 + 4.5
        case_opt(lstm(true), inputs(None), &out(17., 8.5)),
        // peepholes i, o, f of 0.125, 1, 0: i = 0.5 + 1, c = 2 + 13.5, o = 2 + 15.5
        case_opt(lstm(false), inputs(Some(f(&[1, 3], &[0.125, 1., 0.]))), &out(17.5 * 15.5, 15.5)),
    ]
}
