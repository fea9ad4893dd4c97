//! Seeds of random numbers that are others in each run of the model: of a generator that is kept in a variable
//! (python/ops/stateful_random_ops.py, 2.21), or of a variable that the model changes (Keras's `SeedGenerator`). Both are drawn.
//!
//! Owns: which seeds these are. Must never know: what is made of a seed.

use super::node::one;
use super::{Emitter, Item, Place, Results, join};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Tensor, ValueId};
use modelport_proto::tensorflow::NodeDef;
use std::collections::{BTreeSet, HashSet};

/// Draws of a generator that is kept in a variable, as TensorFlow 2.0 to 2.2 wrote them, and draws of the same that keep none.
/// Before what these take stand the generator and its algorithm.
const OF_GENERATOR: &[(&str, &str)] = &[
    ("StatefulStandardNormalV2", "RandomStandardNormal"),
    ("StatefulTruncatedNormal", "TruncatedNormal"),
    ("StatefulUniform", "RandomUniform"),
    ("StatefulUniformInt", "RandomUniformInt"),
];

/// Whether an op draws of a generator that is kept in a variable.
pub(super) fn is_of_generator(op: &str) -> bool {
    OF_GENERATOR.iter().any(|(name, _)| *name == op)
}

impl Emitter<'_> {
    /// A draw of a generator, as the op that draws the same without one.
    pub(super) fn of_generator(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let plain = OF_GENERATOR.iter().find(|(name, _)| *name == node.op).map_or(node.op.as_str(), |(_, plain)| plain);
        self.op(node, plain, inputs.into_iter().skip(2).collect(), used, place)
    }

    /// `RngReadAndSkip`: counter and key of a generator.
    pub(super) fn generator(&mut self, node: &NodeDef, place: &Place) -> Results {
        one(Item::Value(self.drawn_seed(&join(&place.prefix, &node.name), 3)))
    }

    /// An op whose numbers are a function of a seed. A seed that depends on a variable which the model changes is drawn.
    pub(super) fn stateless(
        &mut self,
        node: &NodeDef,
        mut inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        // The op that makes a key has the seed alone; the others have what is to be made before it.
        let first = usize::from(inputs.len() > 1);
        let seeds: Vec<_> = inputs.iter().skip(first).filter_map(Item::value).collect();
        let drifting = self.drifting(&seeds);
        for item in inputs.iter_mut().skip(first).filter(|i| i.value().is_some_and(|v| drifting.contains(&v))) {
            *item = Item::Value(self.drawn_seed(&join(&place.prefix, &node.name), 2));
        }
        self.op(node, &node.op, inputs, used, place)
    }

    /// Those of some values that depend on a variable which the model changes.
    fn drifting(&self, values: &[ValueId]) -> HashSet<ValueId> {
        let variables: HashSet<ValueId> =
            self.shared.changed().iter().filter_map(|node| self.read.get(node)).copied().collect();
        let drifts = |value: &&ValueId| {
            let (mut seen, mut next) = (HashSet::new(), vec![**value]);
            while let Some(value) = next.pop().filter(|_| !variables.is_empty()) {
                if variables.contains(&value) {
                    return true;
                }
                if seen.insert(value) {
                    next.extend(self.graph.producer(value).iter().flat_map(|n| n.inputs.iter().flatten()));
                }
            }
            false
        };
        values.iter().filter(drifts).copied().collect()
    }

    fn drawn_seed(&mut self, path: &str, count: i64) -> ValueId {
        let shape = self.add_const(&format!("{path}/seed/shape"), Tensor::ints(&[count]));
        let low = self.add_const(&format!("{path}/seed/low"), Tensor::int_scalar(0));
        let high = self.add_const(&format!("{path}/seed/high"), Tensor::int_scalar(1 << 31));
        self.plain(
            &format!("{path}/seed"),
            "RandomUniformInt",
            &[shape, low, high],
            &[("Tout", Attr::DType(DType::I64))],
        )
    }
}
