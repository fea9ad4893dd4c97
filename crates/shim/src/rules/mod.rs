//! All rules, by family. Order matters: classes get their names before arguments, and arguments before weights.

mod activations;
mod arguments_keras1;
mod arguments_keras2;
mod classes;
mod merges_keras1;
mod preprocessing;
mod recurrent;
mod tensorflow;
mod weights_keras1;

use crate::rule::Rule;

/// Every rule in the order in which it is tried.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        classes::RULES,
        merges_keras1::RULES,
        arguments_keras1::RULES,
        weights_keras1::RULES,
        arguments_keras2::RULES,
        recurrent::RULES,
        preprocessing::RULES,
        activations::RULES,
        tensorflow::RULES,
    ]
    .into_iter()
    .flatten()
}
